import { describe, expect, it, onTestFinished, vi } from "vitest";
import { classify, resetsIn } from "../../src/github/failure.js";
import { at } from "../support/clock.js";

const SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";

/** A time on the tests' day in HTTP format. */
const httpDate = (time: string): string => new Date(at(time)).toUTCString();

/** Ten o'clock by our clock. */
function beTen(): number {
  const now = Date.parse(at("10:00:00"));
  vi.useFakeTimers({ toFake: ["Date"], now });
  onTestFinished(() => void vi.useRealTimers());
  return now / 1_000;
}

describe("the outcome of a request", () => {
  it.each([
    [undefined, "no_answer"],
    [304, "not_modified"],
    [400, "invalid"],
    [404, "gone"],
    [410, "gone"],
    [422, "invalid"],
    [500, "server_error"],
    [502, "server_error"],
    [503, "server_error"],
  ])("%s is %s, and causes no pause", (status, outcome) => {
    expect(classify(status, {}, "")).toEqual({ outcome });
  });

  it("401 concerns the credentials", () => {
    expect(classify(401, {}, "Bad credentials")).toEqual({ outcome: "unauthorized", pause: { reason: "credentials", seconds: 300 } });
  });

  it("403 is a refusal, unless it mentions a limit", () => {
    const left = { "x-ratelimit-remaining": "4999", "x-ratelimit-reset": "1795000000" };
    expect(classify(403, left, "Resource not accessible by integration")).toEqual({ outcome: "refused" });
    expect(classify(403, {}, "")).toEqual({ outcome: "refused" });
  });

  it.each([
    [403, SECONDARY],
    [403, "You have triggered an abuse detection mechanism"],
    [429, ""],
  ])("%i %s is a secondary limit, without a time if GitHub sends none", (status, message) => {
    const limited = { outcome: "limited", pause: { reason: "secondary rate limit", seconds: undefined } };
    expect(classify(status, {}, message)).toEqual(limited);
    expect(classify(status, { "x-ratelimit-remaining": "12", "retry-after": "" }, message)).toEqual(limited);
    expect(classify(status, { "retry-after": "soon" }, message)).toEqual(limited);
  });

  it.each([
    ["30", 30],
    ["0", 1],
    ["-5", 1],
    ["86400", 3_600],
    [httpDate("10:02:00"), 120],
    [httpDate("09:00:00"), 1],
  ])("retry-after: %s is %i seconds, even if the hourly limit is exhausted", (header, seconds) => {
    beTen();
    const pause = { reason: "secondary rate limit", seconds };
    expect(classify(403, { "retry-after": header, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1" }, "")).toMatchObject({ pause });
    expect(classify(429, { "retry-after": header }, "")).toMatchObject({ outcome: "limited", pause });
  });

  it("an exhausted limit lasts until its reset", () => {
    const now = beTen();
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now + 600) };
    expect(classify(403, headers, SECONDARY)).toEqual({ outcome: "limited", pause: { reason: "rate limit", seconds: 601 } });
    expect(classify(429, headers, "")).toEqual({ outcome: "limited", pause: { reason: "rate limit", seconds: 601 } });
  });
});

describe("the time until the reset of the limit", () => {
  it("is measured by GitHub's own clock", () => {
    const now = beTen();
    const reset = String(now + 600);
    expect(resetsIn({ "x-ratelimit-reset": reset, date: httpDate("10:05:00") })).toBe(301);
    expect(resetsIn({ "x-ratelimit-reset": reset, date: "nonsense" })).toBe(601);
  });

  it("is more than zero and at most an hour, and a minute if GitHub sends none", () => {
    const now = beTen();
    expect(resetsIn({ "x-ratelimit-reset": String(now - 50) })).toBe(1);
    expect(resetsIn({ "x-ratelimit-reset": String(now + 50_000) })).toBe(3_600);
    expect(resetsIn({})).toBe(60);
    expect(resetsIn({ "x-ratelimit-reset": "soon" })).toBe(60);
  });
});
