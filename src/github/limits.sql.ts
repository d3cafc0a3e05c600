import { type Queryable, sql } from "../database/index.js";
import type { PauseReason, RateLimit, Wait } from "./limits.js";

// All times come from the database, so clocks of processes may differ. nullif, because PostgreSQL before 17 cannot subtract from
// infinity.
const IS_PAUSED = "paused_until > now() AND (pause_reason <> 'credentials' OR pause_credentials = $3)";

const WAIT = `
  SELECT greatest(
    CASE WHEN ${IS_PAUSED} THEN extract(epoch FROM paused_until - now()) END,
    CASE WHEN remaining <= hourly * $2::float8 THEN extract(epoch FROM resets_at - now()) END, 0)::float8 AS seconds,
    CASE WHEN ${IS_PAUSED} THEN pause_reason ELSE 'rate limit' END AS reason
  FROM octogauge.github_limits WHERE principal = $1 AND (paused_until > now() OR resets_at > now())`;

const NOTE = `
  INSERT INTO octogauge.github_limits (principal, hourly, remaining, resets_at) VALUES ($1, $2, $3, now() + make_interval(secs => $4))
  ON CONFLICT (principal) DO UPDATE SET hourly = excluded.hourly, remaining = excluded.remaining, resets_at = excluded.resets_at`;

// Without a time from GitHub: a minute, doubled for each further pause within 15 minutes.
const PAUSE = `
  INSERT INTO octogauge.github_limits AS l (principal, paused_until, pause_reason, pause_credentials)
  VALUES ($1, now() + make_interval(secs => coalesce($3, 60)), $2, $4)
  ON CONFLICT (principal) DO UPDATE SET
    pauses = CASE WHEN l.paused_until > now() - interval '15 minutes' THEN least(l.pauses + 1, 6) ELSE 0 END,
    paused_until = greatest(l.paused_until, now() + make_interval(secs => coalesce($3,
      least(3600, 60 * 2 ^ CASE WHEN l.paused_until > now() - interval '15 minutes' THEN least(l.pauses + 1, 6) ELSE 0 END)))),
    pause_reason = excluded.pause_reason, pause_credentials = excluded.pause_credentials
  RETURNING extract(epoch FROM paused_until - now())::float8 AS seconds`;

const TAKE_WRITE = `
  INSERT INTO octogauge.github_writes AS w (next_at) VALUES (now() + make_interval(secs => $1))
  ON CONFLICT (one) DO UPDATE SET next_at = excluded.next_at WHERE w.next_at <= now()
  RETURNING true AS taken`;

const NEXT_WRITE = "SELECT greatest(0.001, extract(epoch FROM next_at - now()))::float8 AS seconds FROM octogauge.github_writes";

/** @returns the pause of `principal`, if there is one */
export async function waitOf(on: Queryable, principal: string, reserve: number, fingerprint: string): Promise<Wait | undefined> {
  const [row] = await sql<Wait>(on, WAIT, [principal, reserve, fingerprint]);
  return row && row.seconds > 0 ? row : undefined;
}

/** Ends a pause for credentials. */
export async function endCredentialsPause(on: Queryable, principal: string): Promise<void> {
  await sql(
    on,
    "UPDATE octogauge.github_limits SET paused_until = now() WHERE principal = $1 AND pause_reason = 'credentials' AND paused_until > now()",
    [principal],
  );
}

export async function noteRate(on: Queryable, principal: string, { limit, remaining, resetsIn }: RateLimit): Promise<void> {
  await sql(on, NOTE, [principal, Math.round(limit), Math.round(remaining), resetsIn]);
}

/** @returns the seconds of the pause */
export async function pausePrincipal(
  on: Queryable,
  principal: string,
  reason: PauseReason,
  seconds: number | undefined,
  fingerprint: string,
): Promise<number> {
  const [row] = await sql<{ seconds: number }>(on, PAUSE, [principal, reason, seconds ?? null, fingerprint]);
  return row?.seconds ?? 0;
}

/** Takes a write slot; there is one per interval. @returns 0 if taken; otherwise the seconds until the next slot */
export async function takeWrite(on: Queryable, intervalSeconds: number): Promise<number> {
  const [taken] = await sql(on, TAKE_WRITE, [intervalSeconds]);
  if (taken) return 0;
  const [row] = await sql<{ seconds: number }>(on, NEXT_WRITE);
  return row?.seconds ?? 0.001;
}

export interface PrincipalLimits {
  readonly principal: string;
  /** Null if GitHub sends no rate limit. */
  readonly remaining: number | null;
  /** Remaining seconds of the pause. */
  readonly pause: number;
}

/** The rate limits and pauses of all principals. A limit whose hour is over counts as full. */
export async function readLimits(on: Queryable): Promise<PrincipalLimits[]> {
  return sql<PrincipalLimits>(
    on,
    `SELECT principal, CASE WHEN resets_at > now() THEN remaining ELSE hourly END AS remaining,
       greatest(0, extract(epoch FROM nullif(paused_until, '-infinity') - now()))::float8 AS pause
     FROM octogauge.github_limits ORDER BY principal COLLATE "C"`,
  );
}
