/**
 * Array parameters in PostgreSQL's binary format. node-postgres sends a Buffer unchanged, so the server parses no text;
 * text literals halve the commit rate of the inbox. Layout: `array_send` in src/backend/utils/adt/arrayfuncs.c of PostgreSQL.
 */

const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, float8: 701, timestamptz: 1184, uuid: 2950 } as const;

const HEADER_BYTES = 20;
const EPOCH_2000_MS = 946_684_800_000;

type Nullable<T> = readonly (T | null)[];

export const byteaArray = (values: Nullable<Buffer>): Buffer => variable(OID.bytea, values);
/** Elements are UTF-8 text. */
export const utf8Array = (values: Nullable<Buffer>): Buffer => variable(OID.text, values);
export const textArray = (values: Nullable<string>): Buffer =>
  variable(
    OID.text,
    values.map((value) => (value === null ? null : Buffer.from(value, "utf8"))),
  );
export function uuidArray(values: readonly string[]): Buffer {
  const bytes = Buffer.from(values.join("").replaceAll("-", ""), "hex");
  if (bytes.length !== 16 * values.length) throw new TypeError("an id is not a UUID");
  let index = 0;
  return fixed(OID.uuid, 16, values, (buffer, _, offset) => {
    bytes.copy(buffer, offset, 16 * index, 16 * index + 16);
    index += 1;
  });
}
export const int2Array = (values: Nullable<number>): Buffer =>
  fixed(OID.int2, 2, values, (buffer, value, offset) => buffer.writeInt16BE(value, offset));
export const int4Array = (values: Nullable<number>): Buffer =>
  fixed(OID.int4, 4, values, (buffer, value, offset) => buffer.writeInt32BE(value, offset));
export const int8Array = (values: Nullable<number | bigint>): Buffer => fixed(OID.int8, 8, values, writeInt64);
export const float8Array = (values: Nullable<number>): Buffer =>
  fixed(OID.float8, 8, values, (buffer, value, offset) => buffer.writeDoubleBE(value, offset));
export const boolArray = (values: Nullable<boolean>): Buffer =>
  fixed(OID.bool, 1, values, (buffer, value, offset) => buffer.writeUInt8(value ? 1 : 0, offset));
/** Values in milliseconds since 1970. */
export const timestamptzArray = (values: Nullable<number>): Buffer =>
  fixed(OID.timestamptz, 8, values, (buffer, value, offset) => writeInt64(buffer, Math.round((value - EPOCH_2000_MS) * 1_000), offset));

/** Writes integers below 2^53 as two halves, which allocates no BigInt. */
function writeInt64(buffer: Buffer, value: number | bigint, offset: number): void {
  if (typeof value === "bigint" || !Number.isSafeInteger(value)) {
    buffer.writeBigInt64BE(BigInt(value), offset);
    return;
  }
  const high = Math.floor(value / 2 ** 32);
  buffer.writeInt32BE(high, offset);
  buffer.writeUInt32BE(value - high * 2 ** 32, offset + 4);
}

function fixed<T>(oid: number, size: number, values: Nullable<T>, write: (buffer: Buffer, value: T, offset: number) => void): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + values.length * (4 + size));
  let offset = header(buffer, oid, values);
  for (const value of values) {
    offset = buffer.writeInt32BE(value === null ? -1 : size, offset);
    if (value === null) continue;
    write(buffer, value, offset);
    offset += size;
  }
  return buffer.subarray(0, offset);
}

function variable(oid: number, values: Nullable<Buffer>): Buffer {
  const bytes = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 0);
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  let offset = header(buffer, oid, values);
  for (const value of values) {
    offset = buffer.writeInt32BE(value === null ? -1 : value.length, offset);
    if (value !== null) offset += value.copy(buffer, offset);
  }
  return buffer.subarray(0, offset);
}

/** One dimension with lower bound 1, also for an empty array. */
function header(buffer: Buffer, oid: number, values: Nullable<unknown>): number {
  let offset = buffer.writeInt32BE(1, 0);
  offset = buffer.writeInt32BE(values.includes(null) ? 1 : 0, offset);
  offset = buffer.writeInt32BE(oid, offset);
  offset = buffer.writeInt32BE(values.length, offset);
  return buffer.writeInt32BE(1, offset);
}
