import { type Queryable, sql } from "../database/index.js";
import { unpack } from "./pack.js";

/** Where the payload of a row is: with the row, or in a pack that it shares with others of its flush. */
export interface PayloadPlace {
  /** Null where it is in a pack, or was not asked for. */
  readonly payload: Buffer | null;
  readonly pack: string | null;
  /** Where it begins in the unpacked bytes, and how long it is. */
  readonly packOffset: number | null;
  readonly bytes: number | null;
}

/** The columns of a place, as they are moved from table to table. */
export const PLACE = "payload, pack, pack_offset, bytes";

/** Those of {@link PayloadPlace}. @param whole a condition of the rows whose payloads are wanted */
export const placeOf = (whole: string): string =>
  [
    ["payload", "payload"],
    ["pack::text", "pack"],
    ["pack_offset", '"packOffset"'],
    ["bytes", "bytes"],
  ]
    .map(([column, name]) => (whole === "true" ? `i.${column} AS ${name}` : `CASE WHEN ${whole} THEN i.${column} END AS ${name}`))
    .join(", ");

/** The length of a payload, wherever it is. Bytes. */
export const BYTES = "coalesce(i.bytes, octet_length(i.payload))";

/**
 * Brings the payloads of rows that have them in packs; null where its pack cannot be read, or others would have to wait for that
 * row for ever.
 * @param rows read in the transaction of `on`, which sees their packs for as long as it lasts
 */
export async function withPayloads<Row extends PayloadPlace>(on: Queryable, rows: readonly Row[]): Promise<Row[]> {
  const inPacks = new Map<string, Row[]>();
  for (const row of rows) if (row.pack !== null) append(inPacks, row.pack, row);
  if (inPacks.size === 0) return [...rows];
  const payloads = new Map<Row, Buffer>();
  // One after the other: what is held at once is one pack, and what is copied out of all.
  for (const [pack, ofPack] of inPacks) {
    const whole = await read(on, pack);
    for (const row of ofPack) {
      const payload = whole && sliceOf(whole, row);
      if (payload) payloads.set(row, payload);
    }
  }
  return rows.map((row) => (row.pack === null ? row : { ...row, payload: payloads.get(row) ?? null }));
}

/** @throws the database's errors alone */
async function read(on: Queryable, pack: string): Promise<Buffer | undefined> {
  const [row] = await sql<{ bytes: Buffer }>(on, "SELECT bytes FROM octogauge.payload_packs WHERE pack = $1", [pack]);
  return row && unpack(row.bytes).catch(() => undefined);
}

/** A copy, or one small payload would hold the whole pack in memory. */
function sliceOf(whole: Buffer, { packOffset, bytes }: PayloadPlace): Buffer | undefined {
  const [begin, end] = [packOffset ?? 0, (packOffset ?? 0) + (bytes ?? 0)];
  return end <= whole.length ? Buffer.from(whole.subarray(begin, end)) : undefined;
}

function append<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
