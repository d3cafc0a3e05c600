import { expect, it } from "vitest";
import { eventTime, idAt } from "../../src/workflow-state/event-time.js";

/** Version-1 GUID of this many 100 ns intervals since 1582-10-15, as RFC 9562 defines it. */
function idOf(ticks: bigint): string {
  const hex = ticks.toString(16).padStart(15, "0");
  return `${hex.slice(7)}-${hex.slice(3, 7)}-1${hex.slice(0, 3)}-8000-0123456789ab`;
}

const EPOCH_1970 = 122_192_928_000_000_000n;

it("reads the time of a version-1 GUID to the microsecond, whatever its lowest digit", () => {
  const from = BigInt(Date.UTC(2020, 0, 1)) * 10_000n;
  for (let step = 0n; step < 20_000n; step += 1n) {
    // Every remainder of ten ticks, and across the overflow of the low half.
    const since1970 = from + step * 987_654_321_987n;
    expect(eventTime(idOf(EPOCH_1970 + since1970), 0)).toBe(Number(since1970 / 10n));
  }
});

it("reads times around the overflow of the low half of the ticks", () => {
  const [from, to] = [(EPOCH_1970 >> 32n) + 1n, (EPOCH_1970 + BigInt(Date.UTC(2200, 0, 1)) * 10_000n) >> 32n];
  for (let high = from; high < to; high += (to - from) / 1_000n)
    for (const offset of [-11n, -10n, -1n, 0n, 1n, 9n, 10n]) {
      const ticks = (high << 32n) + offset;
      expect(eventTime(idOf(ticks), 0)).toBe(Number((ticks - EPOCH_1970) / 10n));
    }
});

it("uses the time of receipt if the id contains no time after 1970", () => {
  expect(eventTime("0b0e7c6a-5f7e-4b0e-8a5c-0123456789ab", 1_700_000_000_000.5)).toBe(1_700_000_000_000_500);
  expect(eventTime(idOf(EPOCH_1970 - 5n), 7)).toBe(7_000);
});

it("reads back the ids that it creates", () => {
  for (const moment of [Date.UTC(2026, 10, 29), Date.UTC(2001, 0, 1), Date.UTC(2199, 11, 31)])
    expect(eventTime(idAt(moment), 0)).toBe(moment * 1_000);
});
