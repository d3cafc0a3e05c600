// 100 ns steps between 15 October 1582, where UUID version 1 starts, and 1970.
const gregorianOffset = 0x01b21dd213814000n;

/** Converts whole milliseconds since 1970 to UUID version 1 ticks (100 ns). */
export function ticksOfMilliseconds(milliseconds: number): bigint {
  return BigInt(milliseconds) * 10_000n + gregorianOffset;
}

/** Converts ticks to whole seconds since 1970. */
export function secondsOfTicks(ticks: bigint): number {
  return Number((ticks - gregorianOffset) / 10_000_000n);
}

/**
 * Creates delivery GUIDs (UUID version 1) with the given ticks. They are unique for 16.7 million calls,
 * because the node field contains a counter and 24 bits of `identity`.
 */
export function createEventIds(identity: number): (ticks: bigint) => string {
  const clockSequence = (0x8000 | (identity & 0x3fff)).toString(16);
  // The multicast bit marks a node that is no real network address (RFC 9562, 6.10).
  const nodeHead = ((identity >>> 8) | 0x01_00_00).toString(16).padStart(6, "0");
  let counter = 0;
  return (ticks) => {
    const time = ticks.toString(16).padStart(15, "0");
    const nodeTail = (counter++ & 0xff_ff_ff).toString(16).padStart(6, "0");
    return `${time.slice(7)}-${time.slice(3, 7)}-1${time.slice(0, 3)}-${clockSequence}-${nodeHead}${nodeTail}`;
  };
}

const version1 = /^([0-9a-f]{8})-([0-9a-f]{4})-1([0-9a-f]{3})-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The ticks (100 ns since 1582) inside a version 1 GUID; undefined for any other text. */
export function ticksOfEventId(id: string): bigint | undefined {
  const match = version1.exec(id);
  return match ? BigInt(`0x${match[3]}${match[2]}${match[1]}`) : undefined;
}
