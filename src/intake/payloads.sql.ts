import { type Queryable, sql } from "../database/index.js";
import { unpack } from "./pack.js";

/** Location of a payload: in its row, or in a pack with the other payloads of its flush. */
export interface PayloadPlace {
  /** Null if the payload is in a pack, or was not selected. */
  readonly payload: Buffer | null;
  readonly pack: string | null;
  /** Offset and length in the unpacked bytes. */
  readonly packOffset: number | null;
  readonly bytes: number | null;
}

/** Columns to copy when a row moves to another table. */
export const PLACE = "payload, pack, pack_offset, bytes";

/** Select list for a {@link PayloadPlace}. @param condition SQL; rows that do not match get nulls */
export const placeOf = (condition: string): string =>
  [
    ["payload", "payload"],
    ["pack::text", "pack"],
    ["pack_offset", '"packOffset"'],
    ["bytes", "bytes"],
  ]
    .map(([column, name]) => (condition === "true" ? `i.${column} AS ${name}` : `CASE WHEN ${condition} THEN i.${column} END AS ${name}`))
    .join(", ");

/** SQL: the length of a payload in bytes, in its row or in a pack. */
export const BYTES = "coalesce(i.bytes, octet_length(i.payload))";

/**
 * Adds the payloads that are in packs. An unreadable pack gives null instead of an error, so that one damaged row does not block
 * the batch.
 * @param rows read in the transaction of `on`, so that their packs still exist
 */
export async function withPayloads<Row extends PayloadPlace>(on: Queryable, rows: readonly Row[]): Promise<Row[]> {
  const inPacks = new Map<string, Row[]>();
  for (const row of rows) if (row.pack !== null) append(inPacks, row.pack, row);
  if (inPacks.size === 0) return [...rows];
  const payloads = new Map<Row, Buffer>();
  // One pack at a time, so that only one unpacked pack is in memory.
  for (const [pack, ofPack] of inPacks) {
    const unpacked = await read(on, pack);
    for (const row of ofPack) {
      const payload = unpacked && sliceOf(unpacked, row);
      if (payload) payloads.set(row, payload);
    }
  }
  return rows.map((row) => (row.pack === null ? row : { ...row, payload: payloads.get(row) ?? null }));
}

/** @throws only errors of the database; undefined if the bytes are not a pack */
async function read(on: Queryable, pack: string): Promise<Buffer | undefined> {
  const [row] = await sql<{ bytes: Buffer }>(on, "SELECT bytes FROM octogauge.payload_packs WHERE pack = $1", [pack]);
  return row && unpack(row.bytes).catch(() => undefined);
}

/** Copies, because a subarray would keep the whole pack in memory. */
function sliceOf(unpacked: Buffer, { packOffset, bytes }: PayloadPlace): Buffer | undefined {
  const [begin, end] = [packOffset ?? 0, (packOffset ?? 0) + (bytes ?? 0)];
  return end <= unpacked.length ? Buffer.from(unpacked.subarray(begin, end)) : undefined;
}

function append<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
