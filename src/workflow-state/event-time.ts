/** 100 ns from 1582-10-15 to 1970-01-01 (RFC 9562, section 5.1). */
const GREGORIAN_OFFSET = 122_192_928_000_000_000n;

/**
 * When the event happened: the time inside a version-1 GUID (all of GitHub's are, though undocumented), else the receipt.
 * @param receivedAt milliseconds since 1970
 * @returns microseconds since 1970
 */
export function eventTime(deliveryId: string, receivedAt: number): number {
  if (deliveryId[14] !== "1") return Math.round(receivedAt * 1_000);
  const ticks = BigInt(`0x${deliveryId.slice(15, 18)}${deliveryId.slice(9, 13)}${deliveryId.slice(0, 8)}`);
  const microseconds = Number((ticks - GREGORIAN_OFFSET) / 10n);
  return microseconds > 0 ? microseconds : Math.round(receivedAt * 1_000);
}
