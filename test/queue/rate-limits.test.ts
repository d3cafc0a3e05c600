import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { readRateLimits } from "../../src/config/rate-limits.js";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload } from "../support/payloads.js";

type Fleet = Awaited<ReturnType<typeof stillFleet>>;

const job = (id: number, repository: string) =>
  jobPayload("queued", { id }, { repository: { full_name: repository, default_branch: "main" } });

async function fill(fleet: Fleet, repository: string, ids: readonly [from: number, to: number]): Promise<void> {
  for (let id = ids[0]; id < ids[1]; id += 1) await fleet.accept("workflow_job", job(id, repository));
}

const countOf = async (fleet: Fleet, repository: string): Promise<number> => {
  const [owner, repo] = repository.split("/");
  return (await rowsOf(fleet.url, "SELECT FROM octogauge.workflow_jobs WHERE owner = $1 AND repo = $2", [owner, repo])).length;
};

const gauge = async (fleet: Fleet, name: string) => Number((await fleet.samples(`${name}{priority="0"}`))[0]?.split(" ")[1]);

describe("RATE_LIMITS", () => {
  it("sets rates by owner and by repository", () => {
    const limits = readRateLimits("*=100, Acme=50\n*/*=20,acme/*=10,acme/Big=0.5")!;
    expect([...limits.owners]).toEqual([
      ["*", 100],
      ["acme", 50],
    ]);
    expect([...limits.repositories]).toEqual([
      ["*/*", 20],
      ["acme/*", 10],
      ["acme/big", 0.5],
    ]);
  });

  it.each(["acme", "acme=0", "acme=-1", "acme=x", "acme=1,Acme=2", "*/big=1", "acme/big/x=1", "a b=1", "=1"])("rejects %s", (value) => {
    expect(readRateLimits(value)).toBeUndefined();
  });

  it("delays deliveries over the limit and no others", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "acme/big=0.01", BATCH_SIZE: "10" });
    await fill(fleet, "acme/big", [1, 101]);
    await fill(fleet, "acme/small", [201, 231]);
    await fill(fleet, "other/big", [301, 331]);
    await fleet.process();
    expect([await countOf(fleet, "acme/small"), await countOf(fleet, "other/big")]).toEqual([30, 30]);
    expect(await countOf(fleet, "acme/big")).toBe(1);
    expect(await gauge(fleet, "octogauge_inbox_delayed")).toBe(99);
    expect(await gauge(fleet, "octogauge_inbox_pending")).toBe(0);
    expect(await gauge(fleet, "octogauge_inbox_oldest_pending_age_seconds")).toBe(0);
    // The due times are one token apart.
    const [gaps] = await rowsOf<{ least: number; most: number }>(
      fleet.url,
      "SELECT min(gap)::float8 AS least, max(gap)::float8 AS most FROM (SELECT extract(epoch FROM due_at - lag(due_at) OVER (ORDER BY due_at)) AS gap FROM octogauge.inbox) g",
    );
    expect(gaps!.least).toBeCloseTo(100, 2);
    expect(gaps!.most).toBeCloseTo(100, 2);
  });

  it("limits several workers together and loses no delivery", async () => {
    const [RATE, ROWS] = [20, 80];
    const first = await stillFleet({ RATE_LIMITS: `acme/big=${RATE}`, BATCH_SIZE: "7" });
    const second = await stillFleet({ RATE_LIMITS: `acme/big=${RATE}`, BATCH_SIZE: "7" }, first.url);
    await fill(first, "acme/big", [1, ROWS + 1]);
    const began = performance.now();
    const work = async (fleet: Fleet) => {
      const name = randomUUID();
      while ((await rowsOf(fleet.url, "SELECT FROM octogauge.inbox LIMIT 1")).length > 0) {
        if ((await fleet.get(BatchProcessor).processBatch(name)).count === 0) await sleep(5);
        const counted = await countOf(fleet, "acme/big");
        expect(counted).toBeLessThanOrEqual(RATE + 1 + ((performance.now() - began) / 1_000) * RATE);
      }
    };
    await Promise.all([work(first), work(second)]);
    const seconds = (performance.now() - began) / 1_000;
    console.info(`${ROWS} deliveries at ${RATE}/s, with one second's worth at once: ${seconds.toFixed(2)} s`);
    expect(seconds).toBeGreaterThanOrEqual((ROWS - RATE - 1) / RATE);
    expect(await countOf(first, "acme/big")).toBe(ROWS);
    expect(await first.samples("github_workflow_jobs_queued_total")).toEqual([expect.stringMatching(/ 80$/)]);
  });

  it("deliveries delayed by the repository limit take no token of the owner limit", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "acme=20,acme/slow=0.1" });
    await fill(fleet, "acme/slow", [1, 101]);
    await fill(fleet, "acme/fast", [201, 216]);
    await fleet.process();
    expect(await countOf(fleet, "acme/fast")).toBe(15);
  });

  it("a failed batch takes no tokens", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "acme=0.01" });
    await fill(fleet, "acme/api", [1, 31]);
    await rowsOf(fleet.url, "ALTER TABLE octogauge.tallies RENAME TO away");
    for (let attempt = 0; attempt < 3; attempt += 1) await expect(fleet.process()).rejects.toThrow(/tallies/);
    await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO tallies");
    await fleet.process();
    expect(await countOf(fleet, "acme/api")).toBe(1);
    const [last] = await rowsOf<{ seconds: number }>(
      fleet.url,
      "SELECT extract(epoch FROM max(due_at) - now())::float8 AS seconds FROM octogauge.inbox",
    );
    expect(last!.seconds).toBeLessThan(29 * 100);
  });

  it("due deliveries get at most half a batch, so that other deliveries do not wait for them", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "acme/big=0.01", BATCH_SIZE: "10" });
    await fill(fleet, "acme/big", [1, 41]);
    await fleet.process();
    await rowsOf(fleet.url, "UPDATE octogauge.inbox SET due_at = now() WHERE due_at IS NOT NULL");
    expect([await gauge(fleet, "octogauge_inbox_pending"), await gauge(fleet, "octogauge_inbox_delayed")]).toEqual([39, 0]);
    await fill(fleet, "acme/small", [201, 206]);
    await fleet.processBatch();
    expect(await countOf(fleet, "acme/small")).toBe(5);
    expect(await countOf(fleet, "acme/big")).toBe(6);
  });

  it("a repository name that is too long for a key has no limit", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "*/*=1,*=1" });
    // Random, because a compressible name would fit.
    const long = `acme/${randomBytes(10_000).toString("hex")}`;
    await fill(fleet, long, [1, 3]);
    await fleet.process();
    expect(await rowsOf(fleet.url, "SELECT FROM octogauge.workflow_jobs")).toHaveLength(2);
  });

  it("an owner limit applies to all its repositories together", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "acme=0.01" });
    await fill(fleet, "acme/one", [1, 51]);
    await fill(fleet, "acme/two", [101, 151]);
    await fleet.process();
    expect((await countOf(fleet, "acme/one")) + (await countOf(fleet, "acme/two"))).toBe(1);
    expect(await gauge(fleet, "octogauge_inbox_delayed")).toBe(99);
  });

  it("a delivery delayed by the repository limit can be delayed again by the owner limit", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "acme=0.01,acme/big=0.01" });
    await fill(fleet, "acme/big", [1, 4]);
    await fleet.process();
    expect(await countOf(fleet, "acme/big")).toBe(1);
    const rows = () => rowsOf(fleet.url, "SELECT priority, granted FROM octogauge.inbox");
    expect(await rows()).toEqual([
      { priority: 8, granted: 1 },
      { priority: 8, granted: 1 },
    ]);
    await rowsOf(fleet.url, "UPDATE octogauge.inbox SET due_at = now()");
    await fleet.process();
    expect(await rows()).toEqual([
      { priority: 8, granted: 2 },
      { priority: 8, granted: 2 },
    ]);
    await rowsOf(fleet.url, "UPDATE octogauge.inbox SET due_at = now()");
    await fleet.process();
    expect(await countOf(fleet, "acme/big")).toBe(3);
  });

  it("a worker without limits processes delayed deliveries at once", async () => {
    const limited = await stillFleet({ RATE_LIMITS: "acme/big=0.01" });
    await fill(limited, "acme/big", [1, 6]);
    await limited.process();
    expect(await countOf(limited, "acme/big")).toBe(1);
    // The rows are not due yet, but this worker has no limit to wait for.
    const unlimited = await stillFleet({}, limited.url);
    await unlimited.process();
    expect(await countOf(limited, "acme/big")).toBe(5);
  });

  it("a delayed delivery that fails becomes a dead letter with its normal priority", async () => {
    const fleet = await stillFleet({ RATE_LIMITS: "acme/big=0.01", MAX_ATTEMPTS: "1" });
    await fill(fleet, "acme/big", [1, 4]);
    await fleet.process();
    await rowsOf(fleet.url, "ALTER TABLE octogauge.workflow_jobs ADD CONSTRAINT no CHECK (job_id < 0) NOT VALID");
    await rowsOf(fleet.url, "UPDATE octogauge.inbox SET due_at = now() WHERE due_at IS NOT NULL");
    await fleet.process();
    await fleet.retry();
    const dead = await rowsOf(fleet.url, "SELECT priority FROM octogauge.dead_letters");
    expect(dead.length).toBeGreaterThan(0);
    expect(new Set(dead.map(({ priority }) => priority))).toEqual(new Set([0]));
  });
});
