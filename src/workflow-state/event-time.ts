import { randomBytes } from "node:crypto";

/** 100 ns from 1582-10-15 to 1970-01-01 (RFC 9562, section 5.1). */
const GREGORIAN_OFFSET = 122_192_928_000_000_000n;
const OFFSET_HIGH = Number(GREGORIAN_OFFSET >> 32n);
const OFFSET_LOW = Number(GREGORIAN_OFFSET & 0xffff_ffffn);

/**
 * Event time: the time inside a version-1 GUID, else the time of receipt. GitHub uses version-1 GUIDs, but does not document it.
 * @param receivedAt milliseconds since 1970
 * @returns microseconds since 1970
 */
export function eventTime(deliveryId: string, receivedAt: number): number {
  if (deliveryId[14] !== "1") return Math.round(receivedAt * 1_000);
  // In two halves, because the ticks need more than the 53 bits of a number. 2^32 / 10 = 429,496,729.6.
  const high = Number.parseInt(deliveryId.slice(15, 18) + deliveryId.slice(9, 13), 16) - OFFSET_HIGH;
  const low = Number.parseInt(deliveryId.slice(0, 8), 16) - OFFSET_LOW;
  const microseconds = high * 429_496_729 + Math.floor((high * 6 + low) / 10);
  return microseconds > 0 ? microseconds : Math.round(receivedAt * 1_000);
}

/**
 * A delivery id for a lookup at this time: a version-1 GUID, like GitHub's ids, with a random node (RFC 9562, 6.10).
 * @param unixMs milliseconds since 1970
 */
export function idAt(unixMs: number): string {
  const time = (BigInt(Math.round(unixMs * 1_000)) * 10n + GREGORIAN_OFFSET).toString(16).padStart(15, "0");
  const random = randomBytes(8);
  random.writeUInt8((random.readUInt8(0) & 0x3f) | 0x80, 0);
  random.writeUInt8(random.readUInt8(2) | 0x01, 2);
  const rest = random.toString("hex");
  return `${time.slice(7)}-${time.slice(3, 7)}-1${time.slice(0, 3)}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}
