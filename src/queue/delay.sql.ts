import { float8Array, int2Array, int8Array } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";
import type { InboxKey } from "./claim.sql.js";
import { DELAYED_LANES, LANES } from "../intake/lanes.js";

/** What a row has passed: nothing yet, the limit of its repository, or that of its owner as well. */
export const GRANTED = { none: 0, repository: 1, all: 2 } as const;

/** A row that has to wait for its turn. */
export interface Delay {
  readonly key: InboxKey;
  /** Milliseconds since 1970, by the database's clock. */
  readonly dueAt: number;
  /** What it will have passed by then, of GRANTED. */
  readonly granted: number;
}

// It moves into a lane that no claim looks into, so that it stands in nobody's way, and keeps its number.
const DELAY = `
  UPDATE octogauge.inbox i SET due_at = to_timestamp(k.due / 1000.0), granted = k.granted,
    priority = i.priority + CASE WHEN i.priority < ${DELAYED_LANES[0]} THEN ${LANES.length} ELSE 0 END
  FROM unnest($1::smallint[], $2::bigint[], $3::float8[], $4::smallint[]) AS k(priority, seq, due, granted), LATERAL (
    SELECT ctid AS place FROM octogauge.inbox WHERE priority = k.priority AND seq = k.seq LIMIT 1) row
  WHERE i.ctid = row.place`;

/** Puts off rows that this transaction holds. */
export async function delay(on: Queryable, delays: readonly Delay[]): Promise<void> {
  await sql(on, DELAY, [
    int2Array(delays.map(({ key }) => key.priority)),
    int8Array(delays.map(({ key }) => Number(key.seq))),
    float8Array(delays.map(({ dueAt }) => dueAt)),
    int2Array(delays.map(({ granted }) => granted)),
  ]);
}
