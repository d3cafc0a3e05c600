import { float8Array, int4Array, textArray } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";

/** A rest makes up for so much of the rate. Seconds. */
const BURST = 1;

/** How much of a limit is asked for. */
export interface Demand {
  readonly name: string;
  readonly count: number;
  /** A second. */
  readonly rate: number;
}

/** A block of a limit's time: as many turns as were asked for, one after the other. */
export interface Block extends Demand {
  /** The first of them, milliseconds since 1970 by the database's clock. */
  readonly from: number;
  /** The database's clock. */
  readonly now: number;
}

// The block begins where the last one ended, whoever had that: so the limit holds over all workers.
const LEASE = `
  INSERT INTO octogauge.rate_limits AS l (name, used_until)
  SELECT name, now() + make_interval(secs => count / rate - ${BURST}) FROM unnest($1::text[], $2::integer[], $3::float8[]) AS d(name, count, rate) ORDER BY name
  ON CONFLICT (name) DO UPDATE SET used_until = greatest(l.used_until, now() - interval '${BURST} s') + (excluded.used_until - now() + interval '${BURST} s')
  RETURNING name, (extract(epoch FROM used_until) * 1000)::float8 AS until, (extract(epoch FROM now()) * 1000)::float8 AS now`;

/**
 * Leases a block of each limit, in a commit of its own: nobody waits for the batch that it is for.
 * @param demands one for each name
 */
export async function leaseBlocks(on: Queryable, demands: readonly Demand[]): Promise<Block[]> {
  const rows = await sql<{ name: string; until: number; now: number }>(on, LEASE, [
    textArray(demands.map(({ name }) => name)),
    int4Array(demands.map(({ count }) => count)),
    float8Array(demands.map(({ rate }) => rate)),
  ]);
  const byName = new Map(demands.map((demand) => [demand.name, demand]));
  return rows.map(({ name, until, now }) => {
    const { count, rate } = byName.get(name)!;
    return { name, count, rate, from: until - (count / rate) * 1_000, now };
  });
}

/** Gives blocks back whose batch came to nothing, or its turns would pass unused each time that it is tried again. */
export async function returnBlocks(on: Queryable, blocks: readonly Demand[]): Promise<void> {
  await sql(
    on,
    `UPDATE octogauge.rate_limits l SET used_until = l.used_until - make_interval(secs => d.count / d.rate)
     FROM unnest($1::text[], $2::integer[], $3::float8[]) AS d(name, count, rate) WHERE l.name = d.name COLLATE "C"`,
    [textArray(blocks.map(({ name }) => name)), int4Array(blocks.map(({ count }) => count)), float8Array(blocks.map(({ rate }) => rate))],
  );
}
