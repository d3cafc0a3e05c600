import { int8Array } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";
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

/** Packs in one question: each has 8 MiB at most, unless it is one large body. */
const PACKS_AT_ONCE = 8;

/**
 * Brings the payloads of rows that have them in packs.
 * @param rows read in the transaction of `on`, which sees their packs for as long as it lasts
 */
export async function withPayloads<Row extends PayloadPlace>(on: Queryable, rows: readonly Row[]): Promise<Row[]> {
  const inPacks = new Map<string, Row[]>();
  for (const row of rows) if (row.pack !== null) inPacks.set(row.pack, [...(inPacks.get(row.pack) ?? []), row]);
  if (inPacks.size === 0) return [...rows];
  const packs = [...inPacks.keys()].map(Number);
  const payloads = new Map<Row, Buffer>();
  for (let from = 0; from < packs.length; from += PACKS_AT_ONCE) {
    for (const { pack, bytes } of await sql<Pack>(on, READ, [int8Array(packs.slice(from, from + PACKS_AT_ONCE))])) {
      const whole = await unpack(bytes);
      for (const row of inPacks.get(pack) ?? []) payloads.set(row, sliceOf(whole, row));
    }
  }
  return rows.map((row) => (row.pack === null ? row : { ...row, payload: payloads.get(row) ?? missing(row) }));
}

interface Pack {
  readonly pack: string;
  readonly bytes: Buffer;
}

const READ = "SELECT pack::text AS pack, bytes FROM octogauge.payload_packs WHERE pack = ANY ($1::bigint[])";

/** A copy, or one small payload would hold the whole pack in memory. */
function sliceOf(whole: Buffer, { pack, packOffset, bytes }: PayloadPlace): Buffer {
  const [begin, length] = [packOffset ?? 0, bytes ?? 0];
  if (begin + length > whole.length) throw new Error(`pack ${pack} of ${whole.length} bytes has no payload of ${length} at ${begin}`);
  return Buffer.from(whole.subarray(begin, begin + length));
}

function missing({ pack }: PayloadPlace): never {
  throw new Error(`pack ${pack} is not in octogauge.payload_packs`);
}
