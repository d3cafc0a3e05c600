import type pg from "pg";

/** What a new connection finds, by the settings of its role and its database. */
export interface Session {
  readonly isStandby: boolean;
  /** Whether a statement by itself would not run as Octogauge needs it, so that it needs a transaction with {@link beginOf}. */
  readonly needsTransaction: boolean;
  /** Whether a commit would be acknowledged before it is on the disk (`synchronous_commit=off`). */
  readonly isAsync: boolean;
}

/** The database can never do, whatever the network and the load. */
export class UnsuitableDatabase extends Error {}

// SET LOCAL, since a transaction pooler takes no session settings; one round trip with BEGIN.
// The server gives a statement up that we have given up for long.
// What is asked for in the order of an index comes by that index, a few rows of many: where statistics are of a moment when a table was
// empty, the planner would else collect all of them by a bitmap and sort them.
export const BEGIN =
  "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = 0; SET LOCAL enable_bitmapscan = off";

/** An acknowledged delivery survives a crash of the server. `local` waits for the server's own disk, not for its standbys. */
export const BEGIN_DURABLE = `${BEGIN}; SET LOCAL synchronous_commit = local`;

/** How a transaction begins on such a connection. */
export const beginOf = (session: Session | undefined): string => (session?.isAsync ? BEGIN_DURABLE : BEGIN);

/** The same without limits of time, for migrations. */
export const BEGIN_LONG =
  "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";

/** The oldest server that Octogauge works with, as `server_version_num`. */
const OLDEST = 140_000;

/** Seconds; what is shorter than our own limits would end work that we still wait for. */
const LIMIT = 60;

// A connection of the pool may rest for long: where the server would end it, it is told not to. A pooler's own
// connection takes no harm of that. transaction_timeout exists since PostgreSQL 17, idle_session_timeout since 14: an older server
// must answer as well, so that it can be refused by its version.
const LOOK = `
  SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS "versionText",
    current_setting('synchronous_commit') = 'off' AS "isAsync",
    current_setting('server_encoding') AS encoding, current_database() AS database, pg_is_in_recovery() AS "isStandby",
    current_setting('default_transaction_isolation') <> 'read committed' OR current_setting('synchronous_commit') = 'off'
      OR extract(epoch FROM current_setting('statement_timeout')::interval) BETWEEN 0.001 AND ${LIMIT - 1}
      OR extract(epoch FROM current_setting('lock_timeout')::interval) BETWEEN 0.001 AND ${LIMIT - 1} AS "needsTransaction",
    coalesce(extract(epoch FROM current_setting('transaction_timeout', true)::interval), 0) BETWEEN 0.001 AND ${LIMIT - 1} AS "isCutShort",
    CASE WHEN current_setting('idle_session_timeout', true) <> '0' THEN set_config('idle_session_timeout', '0', false) END`;

interface ServerFacts {
  readonly version: number;
  readonly versionText: string;
  readonly encoding: string;
  readonly database: string;
  readonly isCutShort: boolean;
}

/**
 * Looks at a new connection.
 * @throws {UnsuitableDatabase} where no setting of ours can help
 */
export async function inspect(client: Pick<pg.Client, "query">): Promise<Session> {
  const { rows } = await client.query<Session & ServerFacts>(LOOK);
  const { version, versionText, encoding, database, isCutShort, isStandby, needsTransaction, isAsync } = rows[0]!;
  if (version < OLDEST)
    throw new UnsuitableDatabase(
      `the server is PostgreSQL ${versionText}, and Octogauge needs ${OLDEST / 10_000} or newer; upgrade the server`,
    );
  if (encoding !== "UTF8")
    throw new UnsuitableDatabase(
      `the database "${database}" is encoded in ${encoding}, which cannot hold every name; make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
    );
  if (isCutShort)
    throw new UnsuitableDatabase(
      `the role or the database "${database}" has a transaction_timeout of less than ${LIMIT} s; turn it off with: ALTER ROLE … IN DATABASE "${database}" SET transaction_timeout = 0`,
    );
  return { isStandby, needsTransaction, isAsync };
}
