import pg from "pg";
import { register } from "prom-client";
import { describe, expect, it, onTestFinished } from "vitest";
import { Database } from "../../src/database/database.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { Gate } from "../support/gate.js";

/** The value of a series of this process, or 0 if there is none. */
const valueOf = async (series: string): Promise<number> => {
  const line = (await register.metrics()).split("\n").find((line) => line.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
};

/** The increase of the database metrics during `work`. */
async function grown(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const count = async () => {
    const of = (result: string) => valueOf(`octogauge_database_query_duration_seconds_count{result="${result}"}`);
    const counts: Record<string, number> = { ok: await of("ok"), failed: await of("failed") };
    for (const kind of ["connect", "connection", "timeout", "conflict", "data", "server"])
      counts[kind] = await valueOf(`octogauge_database_failures_total{kind="${kind}"}`);
    return counts;
  };
  const before = await count();
  await work().catch(() => undefined);
  const differences = Object.entries(await count()).map(([name, value]) => [name, value - (before[name] ?? 0)] as const);
  return Object.fromEntries(differences.filter(([, difference]) => difference !== 0));
}

describe("database metrics", () => {
  it("measure each statement, and count failures by kind", async () => {
    const database = (await stillFleet()).get(Database);
    expect(await grown(() => database.query("SELECT 1"))).toEqual({ ok: 1 });
    // BEGIN, the statement, COMMIT.
    expect(await grown(() => database.transaction((transaction) => transaction.query("SELECT 1")))).toEqual({ ok: 3 });
    expect(await grown(() => database.query("SELECT 1 / 0"))).toEqual({ failed: 1, data: 1 });
    expect(await grown(() => database.query("SELECT nothing"))).toEqual({ failed: 1, server: 1 });
    expect(await grown(() => database.query("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))).toEqual({ failed: 1, conflict: 1 });
    expect(await grown(() => database.within(0.05).query("SELECT pg_sleep(1)"))).toEqual({ failed: 1, timeout: 1 });
    expect(await grown(() => database.query("SELECT pg_terminate_backend(pg_backend_pid())"))).toEqual({ failed: 1, connection: 1 });
  });

  it("count a refused connection as a failure without a statement", async () => {
    const gate = await Gate.before(await freshDatabase());
    const database = (await stillFleet({}, gate.url)).get(Database);
    gate.refuse();
    // The pool first removes its dead idle connections.
    await expect.poll(() => database.pool.totalCount).toBe(0);
    expect(await grown(() => database.query("SELECT 1"))).toEqual({ connect: 1 });
  });
});

it("deliveries that wait for a commit are in the gauge until their commit begins", async () => {
  const fleet = await stillFleet();
  const waiting = () => valueOf("octogauge_inbox_waiting_deliveries");
  expect(await waiting()).toBe(0);
  const other = new pg.Client({ connectionString: fleet.url });
  await other.connect();
  onTestFinished(() => other.end());
  await other.query("BEGIN; LOCK TABLE octogauge.delivery_ledger IN ACCESS EXCLUSIVE MODE");
  const first = fleet.accept("star", {});
  const locked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  await expect.poll(() => rowsOf(fleet.url, locked)).toHaveLength(1);
  const others = [1, 2, 3].map(() => fleet.accept("star", {}));
  expect(await waiting()).toBe(3);
  await other.query("ROLLBACK");
  await Promise.all([first, ...others]);
  expect(await waiting()).toBe(0);
});
