import { int8Array, type Queryable, sql, textArray, timestamptzArray, uuidArray } from "../database/index.js";
import type { LoggedDelivery } from "../github/index.js";
import { MISSED } from "./missed.js";

/** GitHub's log is not strictly ordered by time, so each audit reads this part of the verified log again. */
const OVERLAP_SECONDS = 300;

/** State of a hook's audit. */
export interface Audit {
  readonly hook: string;
  /** Next page of the current audit; null at its start. */
  readonly cursor: string | null;
  /** Consecutive failed reads of the log. */
  readonly failures: number;
  /** Identifies the audit: the time up to which it verifies, as text with microseconds. */
  readonly walk: string;
  /** Older entries are already verified. Milliseconds since 1970. */
  readonly lookBackTo: number;
}

// Log entries before the first stored delivery are not audited: this installation did not receive them.
const BEGIN = `
  INSERT INTO octogauge.audited_hooks (hook, since, verified_until)
  SELECT hook, first, first FROM unnest($1::text[]) AS hook, (
    SELECT greatest(now() - make_interval(secs => $2), least(now(), (SELECT min(received_at) FROM octogauge.delivery_ledger))) AS first) begin
  ON CONFLICT DO NOTHING
  RETURNING hook`;

const KNOWN = "SELECT hook FROM octogauge.audited_hooks";

// Not at once: during a rollout another replica may still audit the hook.
const DELETE_OLD = "DELETE FROM octogauge.audited_hooks WHERE hook <> ALL ($1::text[]) AND due_at < now() - interval '1 day'";

// A new leader retries failed hooks at once, because its configuration may be corrected.
const AT_ONCE = "UPDATE octogauge.audited_hooks SET due_at = least(due_at, now())";

/** Hooks without an audit for this long are not exposed, because they are no longer configured. Long enough for the alert on missing audits. */
const IS_ACTIVE = "due_at > now() - interval '3 hours'";

// The hook that has been due longest, so that hooks alternate page by page.
const NEXT = `
  UPDATE octogauge.audited_hooks a SET walk_until = coalesce(a.walk_until, now() - make_interval(secs => $2))
  WHERE a.hook = (SELECT hook FROM octogauge.audited_hooks WHERE hook = ANY ($1::text[]) AND due_at <= now() ORDER BY due_at, hook LIMIT 1)
  RETURNING a.hook, a.walk_cursor AS cursor, a.failures, extract(epoch FROM a.walk_until)::text AS walk,
    (extract(epoch FROM greatest(a.since, a.verified_until - interval '${OVERLAP_SECONDS} s')) * 1000)::float8 AS "lookBackTo"`;

// All log entries of a delivery are one missed delivery with the time of the first entry.
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

// A former leader may return with a page of an audit that another leader has continued or finished; its write is ignored.
const IS_CURRENT = "hook = $1 AND extract(epoch FROM walk_until)::text = $2 AND walk_cursor IS NOT DISTINCT FROM $3";

const CONTINUE = `
  UPDATE octogauge.audited_hooks SET walk_cursor = $4, walk_until = coalesce($5::timestamptz, walk_until), due_at = now(), failures = 0, error = '' WHERE ${IS_CURRENT}`;

const END = `
  UPDATE octogauge.audited_hooks SET verified_until = greatest(verified_until, coalesce($5::timestamptz, walk_until)), walk_until = NULL, walk_cursor = NULL,
    due_at = now() + make_interval(secs => $4), failures = 0, error = ''
  WHERE ${IS_CURRENT}`;

// The backoff doubles with each consecutive failure, to at most one hour. If GitHub rejects the cursor, the audit restarts.
const FAIL = `
  UPDATE octogauge.audited_hooks SET failures = failures + 1, error = $2,
    due_at = now() + make_interval(secs => coalesce($4::float8, least(3600, $3::float8 * 2 ^ least(failures, 12)))),
    walk_cursor = CASE WHEN $5 THEN NULL ELSE walk_cursor END, walk_until = CASE WHEN $5 THEN NULL ELSE walk_until END
  WHERE hook = $1
  RETURNING failures`;

/**
 * Starts the audit of new hooks and deletes unconfigured hooks without an audit for a day.
 * @param windowSeconds time for which GitHub keeps the log and redelivers
 * @returns the new hooks
 */
export async function registerHooks(on: Queryable, hooks: readonly string[], windowSeconds: number): Promise<readonly string[]> {
  await sql(on, DELETE_OLD, [textArray(hooks)]);
  await sql(on, AT_ONCE);
  const known = new Set((await sql<{ hook: string }>(on, KNOWN)).map(({ hook }) => hook));
  const unknown = hooks.filter((hook) => !known.has(hook));
  if (unknown.length === 0) return [];
  return (await sql<{ hook: string }>(on, BEGIN, [textArray(unknown), windowSeconds])).map(({ hook }) => hook);
}

/**
 * The next hook to read.
 * @param settleSeconds younger entries are left for the next audit
 */
export async function nextAudit(on: Queryable, hooks: readonly string[], settleSeconds: number): Promise<Audit | undefined> {
  const [row] = await sql<Audit>(on, NEXT, [textArray(hooks), settleSeconds]);
  return row;
}

/**
 * Records the deliveries of a page that are not in the ledger.
 * @param until by GitHub's clock: younger entries are skipped; null for the end time of the audit
 * @param ledgerSeconds age of the oldest ledger entries
 * @returns the number of newly missed deliveries
 */
export async function recordMissed(
  on: Queryable,
  hook: string,
  page: readonly LoggedDelivery[],
  until: Date | null,
  ledgerSeconds: number,
): Promise<number> {
  if (page.length === 0) return 0;
  const rows = await sql<{ fresh: boolean }>(on, MISS, [
    hook,
    uuidArray(page.map(({ id }) => id)),
    int8Array(page.map(({ logId }) => logId)),
    textArray(page.map(({ event }) => event)),
    timestamptzArray(page.map(({ deliveredAt }) => deliveredAt)),
    ledgerSeconds,
    until,
  ]);
  return rows.filter(({ fresh }) => fresh).length;
}

/** Moves the audit to `cursor`, unless another leader has moved it. @param until end time from the first page, else null */
export async function continueAudit(on: Queryable, { hook, walk, cursor: from }: Audit, cursor: string, until: Date | null): Promise<void> {
  await sql(on, CONTINUE, [hook, walk, from, cursor, until]);
}

/** Ends the audit at the verified part of the log; the next one starts after the interval. */
export async function endAudit(on: Queryable, { hook, walk, cursor }: Audit, intervalSeconds: number, until: Date | null): Promise<void> {
  await sql(on, END, [hook, walk, cursor, intervalSeconds, until]);
}

/**
 * Applies backoff to a hook after a failed read.
 * @param options `waitSeconds` replaces the backoff if GitHub gave a time
 * @returns consecutive failures
 */
export async function failAudit(
  on: Queryable,
  hook: string,
  error: string,
  {
    firstBackoffSeconds,
    waitSeconds,
    restart,
  }: { readonly firstBackoffSeconds: number; readonly waitSeconds: number | undefined; readonly restart: boolean },
): Promise<number> {
  const [row] = await sql<{ failures: number }>(on, FAIL, [hook, error, firstBackoffSeconds, waitSeconds ?? null, restart]);
  return row?.failures ?? 0;
}

export interface HookState {
  readonly hook: string;
  /** Seconds since 1970. Every delivery that GitHub sent before this time has arrived or is recorded as missed. */
  readonly verifiedUntil: number;
  readonly fails: boolean;
  /** Missed deliveries that may still arrive. */
  readonly missing: number;
}

export async function readHooks(on: Queryable): Promise<HookState[]> {
  return sql<HookState>(
    on,
    `SELECT a.hook, extract(epoch FROM a.verified_until)::float8 AS "verifiedUntil", a.failures > 0 AS fails,
       coalesce(m.count, 0)::float8 AS missing
     FROM octogauge.audited_hooks a
     LEFT JOIN (SELECT hook, count(*) FROM octogauge.missed_deliveries WHERE state = ${MISSED.open} GROUP BY hook) m USING (hook)
     WHERE ${IS_ACTIVE} ORDER BY a.hook COLLATE "C"`,
  );
}
