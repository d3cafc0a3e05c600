import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { watchBody } from "../../src/ingest/body-clock.js";
import type { BodyFailure, RawBody } from "../../src/ingest/raw-body.js";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] }));
afterEach(() => vi.useRealTimers());

/** An open body of 20,000 bytes that records why it was stopped. */
function openBody(): { body: RawBody; failures: BodyFailure[] } {
  const failures: BodyFailure[] = [];
  const body = { isOpen: true, bytes: 20_000, stop: (failure: BodyFailure) => failures.push(failure) } as unknown as RawBody;
  return { body, failures };
}

it("a window that the timeout cuts short is not judged, even if the timer fires early", () => {
  const { body, failures } = openBody();
  // Node drops fractions of a millisecond, so this timer fires half a millisecond early.
  watchBody(body, { REQUEST_TIMEOUT: 0.3005, BODY_MIN_RATE: 1_000_000 }, () => undefined);
  vi.advanceTimersByTime(2_000);
  expect(failures).toEqual(["late"]);
});

it("each complete window is judged by the bytes that arrived in it", () => {
  const { body, failures } = openBody();
  watchBody(body, { REQUEST_TIMEOUT: 9, BODY_MIN_RATE: 8_192 }, () => undefined);
  vi.advanceTimersByTime(2_001);
  expect(failures).toEqual([]);
  vi.advanceTimersByTime(2_000);
  expect(failures).toEqual(["too-slow"]);
});
