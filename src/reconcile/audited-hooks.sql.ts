import { int8Array, type Queryable, sql, textArray, timestamptzArray, uuidArray } from "../database/index.js";
import type { LoggedDelivery } from "../github/index.js";
import { MISSED } from "./missed.js";

/** Attempts are not logged in the order of their times: each walk looks again at the last ones before it. Seconds. */
const OVERLAP = 300;

/** Where the audit of a hook stands. */
export interface Audit {
  readonly hook: string;
  /** The next page of the walk under way; null at its beginning. */
  readonly cursor: string | null;
  /** How often in a row it could not be read. */
  readonly failures: number;
  /** Which walk it is: the moment up to which it verifies, as text to the microsecond. */
  readonly walk: string;
  /** Nothing older than this needs a look. Milliseconds since 1970. */
  readonly lookBackTo: number;
}

// The log before our first delivery belongs to whoever received it then.
const BEGIN = `
  INSERT INTO octogauge.audited_hooks (hook, since, verified_until)
  SELECT hook, first, first FROM unnest($1::text[]) AS hook, (
    SELECT greatest(now() - make_interval(secs => $2), least(now(), (SELECT min(received_at) FROM octogauge.delivery_ledger))) AS first) begin
  ON CONFLICT DO NOTHING
  RETURNING hook`;

const KNOWN = "SELECT hook FROM octogauge.audited_hooks";

// Not at once: while a rollout lasts, somebody else may still audit it.
const FORGET = "DELETE FROM octogauge.audited_hooks WHERE hook <> ALL ($1::text[]) AND due_at < now() - interval '1 day'";

// Whoever begins to lead may have been started with what was wrong put right.
const AT_ONCE = "UPDATE octogauge.audited_hooks SET due_at = least(due_at, now())";

/** A hook that nobody has tended for so long is not shown: it is no longer configured anywhere. Long enough for the alert that nobody audits. */
const TENDED = "due_at > now() - interval '3 hours'";

// The hook that has waited longest, so that all come to their turn, page by page.
const NEXT = `
  UPDATE octogauge.audited_hooks a SET walk_until = coalesce(a.walk_until, now() - make_interval(secs => $2))
  WHERE a.hook = (SELECT hook FROM octogauge.audited_hooks WHERE hook = ANY ($1::text[]) AND due_at <= now() ORDER BY due_at, hook LIMIT 1)
  RETURNING a.hook, a.walk_cursor AS cursor, a.failures, extract(epoch FROM a.walk_until)::text AS walk,
    (extract(epoch FROM greatest(a.since, a.verified_until - interval '${OVERLAP} s')) * 1000)::float8 AS "lookBackTo"`;

// The attempts of one delivery are one missed delivery, as old as its first one.
const MISS = `
  WITH judged AS MATERIALIZED (
    SELECT DISTINCT ON (p.delivery_id) p.* FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[]) AS p(delivery_id, log_id, event, delivered_at)
    JOIN octogauge.audited_hooks a ON a.hook = $1
    WHERE p.delivered_at BETWEEN a.since AND coalesce($7::timestamptz, a.walk_until) AND p.delivered_at > now() - make_interval(secs => $6)
    ORDER BY p.delivery_id, p.delivered_at, p.log_id
  )
  INSERT INTO octogauge.missed_deliveries AS m (delivery_id, hook, log_id, event, delivered_at)
  SELECT j.delivery_id, $1, j.log_id, j.event, j.delivered_at FROM judged j
  WHERE NOT EXISTS (SELECT 1 FROM octogauge.delivery_ledger l WHERE l.delivery_id = j.delivery_id)
  ON CONFLICT (delivery_id, hook) DO UPDATE SET log_id = excluded.log_id, delivered_at = excluded.delivered_at
    WHERE excluded.delivered_at < m.delivered_at AND m.state = ${MISSED.open}
  RETURNING (xmax = 0) AS fresh`;

// Whoever led before and was away for long may come with a page of a walk that others have gone on with, or ended.
const IS_THERE = "hook = $1 AND extract(epoch FROM walk_until)::text = $2 AND walk_cursor IS NOT DISTINCT FROM $3";

const GO_ON = `
  UPDATE octogauge.audited_hooks SET walk_cursor = $4, walk_until = coalesce($5::timestamptz, walk_until), due_at = now(), failures = 0, error = '' WHERE ${IS_THERE}`;

const END = `
  UPDATE octogauge.audited_hooks SET verified_until = greatest(verified_until, coalesce($5::timestamptz, walk_until)), walk_until = NULL, walk_cursor = NULL,
    due_at = now() + make_interval(secs => $4), failures = 0, error = ''
  WHERE ${IS_THERE}`;

// Twice as long after each failure in a row, at most an hour. A cursor that GitHub does not take is dropped with its walk.
const FAIL = `
  UPDATE octogauge.audited_hooks SET failures = failures + 1, error = $2,
    due_at = now() + make_interval(secs => coalesce($4::float8, least(3600, $3::float8 * 2 ^ least(failures, 12)))),
    walk_cursor = CASE WHEN $5 THEN NULL ELSE walk_cursor END, walk_until = CASE WHEN $5 THEN NULL ELSE walk_until END
  WHERE hook = $1
  RETURNING failures`;

/**
 * Begins the audit of hooks that are new and forgets those that nobody has audited for a day.
 * @param window how long GitHub keeps and redelivers, in seconds
 * @returns the new ones
 */
export async function registerHooks(on: Queryable, hooks: readonly string[], window: number): Promise<readonly string[]> {
  await sql(on, FORGET, [textArray(hooks)]);
  await sql(on, AT_ONCE);
  const known = new Set((await sql<{ hook: string }>(on, KNOWN)).map(({ hook }) => hook));
  const unknown = hooks.filter((hook) => !known.has(hook));
  if (unknown.length === 0) return [];
  return (await sql<{ hook: string }>(on, BEGIN, [textArray(unknown), window])).map(({ hook }) => hook);
}

/**
 * The hook whose log is to be read next.
 * @param settle seconds; what is younger is left for the next walk
 */
export async function nextAudit(on: Queryable, hooks: readonly string[], settle: number): Promise<Audit | undefined> {
  const [row] = await sql<Audit>(on, NEXT, [textArray(hooks), settle]);
  return row;
}

/**
 * Notes which deliveries of a page are not in our ledger.
 * @param until by GitHub's clock: what is younger is not judged; null for as far as the walk goes
 * @param ledgerReaches how far back the ledger remembers, in seconds
 * @returns how many were not known to be missed
 */
export async function noteMissed(
  on: Queryable,
  hook: string,
  page: readonly LoggedDelivery[],
  until: Date | null,
  ledgerReaches: number,
): Promise<number> {
  if (page.length === 0) return 0;
  const rows = await sql<{ fresh: boolean }>(on, MISS, [
    hook,
    uuidArray(page.map(({ id }) => id)),
    int8Array(page.map(({ logId }) => logId)),
    textArray(page.map(({ event }) => event)),
    timestamptzArray(page.map(({ deliveredAt }) => deliveredAt)),
    ledgerReaches,
    until,
  ]);
  return rows.filter(({ fresh }) => fresh).length;
}

/** The walk goes on at `cursor`; a walk that has gone on already is left alone. @param until where its first page says how far it verifies */
export async function goOn(on: Queryable, { hook, walk, cursor: from }: Audit, cursor: string, until: Date | null): Promise<void> {
  await sql(on, GO_ON, [hook, walk, from, cursor, until]);
}

/** The walk has come to what was verified before; the next one begins after `interval` seconds. */
export async function endWalk(on: Queryable, { hook, walk, cursor }: Audit, interval: number, until: Date | null): Promise<void> {
  await sql(on, END, [hook, walk, cursor, interval, until]);
}

/**
 * Lets a hook rest whose log could not be read.
 * @param rest first rest in seconds
 * @param wait seconds, where GitHub said how long
 * @param restart whether the walk has to begin anew
 * @returns failures in a row
 */
export async function failAudit(
  on: Queryable,
  hook: string,
  error: string,
  { rest, wait, restart }: { readonly rest: number; readonly wait: number | undefined; readonly restart: boolean },
): Promise<number> {
  const [row] = await sql<{ failures: number }>(on, FAIL, [hook, error, rest, wait ?? null, restart]);
  return row?.failures ?? 0;
}

export interface HookState {
  readonly hook: string;
  /** Seconds since 1970: all that GitHub sent before is known to have come, or to be missed. */
  readonly verifiedUntil: number;
  readonly fails: boolean;
  /** Missed deliveries that are still hoped for. */
  readonly missing: number;
}

export async function readHooks(on: Queryable): Promise<HookState[]> {
  return sql<HookState>(
    on,
    `SELECT a.hook, extract(epoch FROM a.verified_until)::float8 AS "verifiedUntil", a.failures > 0 AS fails,
       coalesce(m.count, 0)::float8 AS missing
     FROM octogauge.audited_hooks a
     LEFT JOIN (SELECT hook, count(*) FROM octogauge.missed_deliveries WHERE state = ${MISSED.open} GROUP BY hook) m USING (hook)
     WHERE ${TENDED} ORDER BY a.hook COLLATE "C"`,
  );
}
