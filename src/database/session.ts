import type pg from "pg";

/** Properties of a new connection, from the server and the settings of its role and database. */
export interface Session {
  readonly isStandby: boolean;
  /** Whether a single statement needs a transaction with {@link beginOf}, because default settings of the session do not fit. */
  readonly needsTransaction: boolean;
  /** Whether the server confirms a commit before it is on disk (`synchronous_commit=off`). */
  readonly isAsync: boolean;
}

/** The database does not meet the requirements of Octogauge. A retry does not help. */
export class UnsuitableDatabase extends Error {}

// SET LOCAL, because session settings do not survive a transaction pooler; one round trip with BEGIN.
// statement_timeout: the server cancels statements that this process no longer waits for.
// enable_bitmapscan: statistics from when a table was empty make the planner fetch and sort all rows instead of reading a few by index.
export const BEGIN =
  "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = 0; SET LOCAL enable_bitmapscan = off";

/** An acknowledged delivery survives a crash of the server. `local` waits for the disk of the server, not for its standbys. */
export const BEGIN_DURABLE = `${BEGIN}; SET LOCAL synchronous_commit = local`;

/** The statement that begins a transaction on this connection. */
export const beginOf = (session: Session | undefined): string => (session?.isAsync ? BEGIN_DURABLE : BEGIN);

/** Begins a transaction without timeouts, for migrations. */
export const BEGIN_LONG =
  "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";

/** The oldest supported server, as `server_version_num`. */
const MIN_VERSION = 140_000;

/** A shorter timeout of the server would cancel work that this process still waits for. */
const MIN_TIMEOUT_SECONDS = 60;

// idle_session_timeout is turned off, because connections of the pool may be idle for long. Both it (PostgreSQL 14) and
// transaction_timeout (17) are read with missing_ok, so that an older server answers and its version can be refused.
const INSPECT = `
  SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS "versionText",
    current_setting('synchronous_commit') = 'off' AS "isAsync",
    current_setting('server_encoding') AS encoding, current_database() AS database, pg_is_in_recovery() AS "isStandby",
    current_setting('default_transaction_isolation') <> 'read committed' OR current_setting('synchronous_commit') = 'off'
      OR extract(epoch FROM current_setting('statement_timeout')::interval) BETWEEN 0.001 AND ${MIN_TIMEOUT_SECONDS - 1}
      OR extract(epoch FROM current_setting('lock_timeout')::interval) BETWEEN 0.001 AND ${MIN_TIMEOUT_SECONDS - 1} AS "needsTransaction",
    coalesce(extract(epoch FROM current_setting('transaction_timeout', true)::interval), 0) BETWEEN 0.001 AND ${MIN_TIMEOUT_SECONDS - 1} AS "hasShortTimeout",
    CASE WHEN current_setting('idle_session_timeout', true) <> '0' THEN set_config('idle_session_timeout', '0', false) END`;

interface ServerFacts {
  readonly version: number;
  readonly versionText: string;
  readonly encoding: string;
  readonly database: string;
  readonly hasShortTimeout: boolean;
}

/**
 * Reads the settings of a new connection.
 * @throws {UnsuitableDatabase} where Octogauge cannot correct them
 */
export async function inspect(client: Pick<pg.Client, "query">): Promise<Session> {
  const { rows } = await client.query<Session & ServerFacts>(INSPECT);
  const { version, versionText, encoding, database, hasShortTimeout, isStandby, needsTransaction, isAsync } = rows[0]!;
  if (version < MIN_VERSION)
    throw new UnsuitableDatabase(
      `the server is PostgreSQL ${versionText}, but Octogauge needs ${MIN_VERSION / 10_000} or newer; upgrade the server`,
    );
  if (encoding !== "UTF8")
    throw new UnsuitableDatabase(
      `the database "${database}" has the encoding ${encoding}, but Octogauge needs UTF8; create one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
    );
  if (hasShortTimeout)
    throw new UnsuitableDatabase(
      `the role or the database "${database}" has a transaction_timeout of less than ${MIN_TIMEOUT_SECONDS} s; turn it off with: ALTER ROLE … IN DATABASE "${database}" SET transaction_timeout = 0`,
    );
  return { isStandby, needsTransaction, isAsync };
}
