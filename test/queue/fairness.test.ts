import { describe, expect, it } from "vitest";
import { RateLimiter } from "../../src/intake/rate-limiter.js";
import { projectionOf } from "../../src/events/project.js";
import { repositoryOf, repositoryOfBytes } from "../../src/events/repository-of.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, runPayload } from "../support/payloads.js";

const of = (repository: string) => ({ repository: { full_name: `acme/${repository}`, default_branch: "main" } });

describe("the fair-share rate limiter", () => {
  it("allows a steady rate, and a burst after a pause, per key", () => {
    let now = 0;
    const limiter = new RateLimiter(10, 2, () => now);
    const taken = (key: string, tries: number) =>
      Array.from({ length: tries }, () => limiter.take(key)).filter((wait) => wait === 0).length;
    expect([taken("a", 50), taken("b", 50)]).toEqual([20, 20]);
    expect(limiter.take("a")).toBeCloseTo(0.1);
    now += 1_000;
    expect(taken("a", 50)).toBe(10);
    now += 3_600_000;
    expect(taken("a", 50)).toBe(20);
  });

  it("allows one delivery at a time, however slow the rate is", () => {
    let now = 0;
    const limiter = new RateLimiter(0.1, 2, () => now);
    expect(limiter.take("a")).toBe(0);
    expect(limiter.take("a")).toBeCloseTo(10);
    now += 10_000;
    expect(limiter.take("a")).toBe(0);
  });
});

describe("the repository of a projection", () => {
  const both = (event: string, payload: object) => {
    const projection = projectionOf(event, false, Buffer.from(JSON.stringify(payload)))!;
    return [repositoryOfBytes(projection), repositoryOf(String(projection))];
  };

  it.each([
    ["workflow_job", jobPayload("queued", {}, of("API"))],
    ["workflow_run", runPayload("requested", { head_repository: { full_name: "somebody/fork" } }, of("API"))],
    ["workflow_run", runPayload("requested", { name: 'a","repository":{"full_name":"evil/one"}' }, of("API"))],
    ["push", { ref: "refs/heads/main", commits: [], ...of("API") }],
    ["check_run", { action: "created", check_run: { name: "x" }, ...of("API") }],
  ])("is read from a %s", (event, payload) => {
    expect(both(event, payload)).toEqual(["acme/api", "acme/api"]);
  });

  it("is empty if the payload has none", () => {
    expect(both("star", { action: "created" })).toEqual(["", ""]);
  });
});

describe("FAIR_SHARE", () => {
  const MANY = 5_000;
  const OTHERS = 50;

  /** Fills the inbox with one repository, then adds others. @returns the number of batches until the others are done */
  async function batchesUntilOthersAreDone(share: string): Promise<number> {
    const fleet = await stillFleet({ BATCH_SIZE: "100", FAIR_SHARE: share });
    for (let from = 1; from <= MANY; from += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_, index) => fleet.accept("workflow_job", jobPayload("queued", { id: from + index }, of("huge")))),
      );
    for (let id = 1; id <= OTHERS; id += 1) await fleet.accept("workflow_job", jobPayload("queued", { id: MANY + id }, of(`small-${id}`)));
    const done = async () => (await rowsOf(fleet.url, "SELECT FROM octogauge.workflow_jobs WHERE repo <> 'huge'")).length;
    for (let batches = 1; ; batches += 1) {
      await fleet.processBatch();
      if ((await done()) === OTHERS) return batches;
    }
  }

  it("one repository with thousands of deliveries does not delay the others", async () => {
    const [fair, unfair] = [await batchesUntilOthersAreDone("1"), await batchesUntilOthersAreDone("0")];
    console.info(
      `${OTHERS} deliveries of others behind ${MANY} of one repository: done after ${fair} batches, without FAIR_SHARE after ${unfair}`,
    );
    expect(unfair).toBe((MANY + OTHERS) / 100 + 0.5);
    expect(fair).toBe(1);
  });

  it("processes all overflow and reports its size", async () => {
    const fleet = await stillFleet({ FAIR_SHARE: "1" });
    for (let id = 1; id <= 100; id += 1) await fleet.accept("workflow_job", jobPayload("queued", { id }, of("huge")));
    const surplus = async () => Number((await fleet.samples('octogauge_inbox_surplus{priority="0"}'))[0]?.split(" ")[1]);
    expect(await fleet.samples('octogauge_inbox_pending{priority="0"}')).toEqual(['octogauge_inbox_pending{priority="0"} 100']);
    // The rate limiter allows ten at once, and may allow a few more while the test runs.
    expect(await surplus()).toBeGreaterThan(50);
    expect(await surplus()).toBeLessThanOrEqual(90);
    await fleet.process();
    expect(await surplus()).toBe(0);
    expect(await fleet.samples("github_workflow_jobs_queued_total")).toEqual([expect.stringMatching(/ 100$/)]);
  });

  it("reserves a share of the batches for overflow, however many other deliveries wait", async () => {
    const fleet = await stillFleet({ BATCH_SIZE: "5", FAIR_SHARE: "1" });
    await Promise.all(
      Array.from({ length: 60 }, (_, id) => fleet.accept("workflow_job", jobPayload("queued", { id: id + 1 }, of("huge")))),
    );
    for (let id = 100; id < 200; id += 1) await fleet.accept("workflow_job", jobPayload("queued", { id }, of(`small-${id}`)));
    const left = async () => (await rowsOf(fleet.url, "SELECT FROM octogauge.inbox WHERE priority >= 4")).length;
    const before = await left();
    for (let batch = 0; batch < 9; batch += 1) await fleet.processBatch();
    expect(await left()).toBe(before);
    await fleet.processBatch();
    expect(await left()).toBe(before - 5);
  });
});
