import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import type { Queryable } from "../../src/database/sql.js";
import { KeptSeries } from "../../src/metrics/kept-series.js";
import { migrateDatabase } from "../../src/database/migrate.js";
import { loadConfig } from "../../src/config/config.js";
import { startEmbeddedPostgres } from "../../src/database/embedded/embedded-postgres.js";
import { freshDatabase } from "../support/database.js";

const HOUR = 3_600_000;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

const textOf = async (series: KeptSeries, on: Queryable) =>
  [...(await series.pages(on))].sort(([a], [b]) => (a < b ? -1 : 1)).map(([metric, pages]) => [metric, Buffer.concat(pages).toString()]);

/** The text from a process without a cache. */
const wholeText = (on: Queryable) => textOf(new KeptSeries("counter_series"), on);

const add = (on: Queryable, labels: string, value = 1, metric = "m") =>
  on.query(
    "INSERT INTO octogauge.counter_series AS c VALUES ($1, $2, $3) ON CONFLICT (metric, labels) DO UPDATE SET value = c.value + excluded.value",
    [metric, labels, value],
  );

/** Counts the series rows that statements return, without the row of their number. `start` is the server's start time, in SQL. */
function counting(client: pg.Client): Queryable & { series: number; start: string } {
  const counted = {
    series: 0,
    start: "pg_postmaster_start_time()",
    async query(text: string, values?: unknown[]) {
      const result = await client.query<{ metric: string | null }>(text.replaceAll("pg_postmaster_start_time()", counted.start), values);
      counted.series += result.rows.filter(({ metric }) => metric !== null).length;
      return result;
    },
  };
  return counted;
}

const [BEGIN, ADD, COMMIT, ROLLBACK, DELETE, VACUUM, SCRAPE] = [0, 1, 2, 3, 4, 5, 6];

it("the cache equals the table, whatever order other transactions write, commit, roll back or delete in", async () => {
  const url = await freshDatabase();
  const [reader, ...writers] = await Promise.all([0, 1, 2, 3].map(() => connect(url)));
  const step = fc.tuple(
    fc.constantFrom(BEGIN, ADD, ADD, ADD, COMMIT, COMMIT, ROLLBACK, DELETE, VACUUM, SCRAPE, SCRAPE),
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 0, max: 4 }),
  );
  let scrapes = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const kept = new KeptSeries("counter_series");
      const open = [false, false, false];
      for (const [kind, index, number] of steps) {
        const writer = writers[index]!;
        // Each writer has its own series, so that no writer waits for a lock.
        const labels = `writer="${index}",number="${number}"`;
        if (kind === ADD) await add(writer, labels, number + 1, `metric_${number % 2}`);
        if (kind === BEGIN && !open[index]) await writer.query("BEGIN");
        if (kind === BEGIN) open[index] = true;
        if (kind === COMMIT) await writer.query("COMMIT");
        if (kind === ROLLBACK) await writer.query("ROLLBACK");
        if (kind === COMMIT || kind === ROLLBACK) open[index] = false;
        if (kind === DELETE) await writer.query("DELETE FROM octogauge.counter_series WHERE labels = $1", [labels]);
        if (kind === VACUUM) await reader!.query("VACUUM (FREEZE) octogauge.counter_series");
        if (kind !== SCRAPE) continue;
        expect(await textOf(kept, reader!)).toEqual(await wholeText(reader!));
        scrapes += 1;
      }
      for (const writer of writers) await writer.query("ROLLBACK");
    }),
    { numRuns: 100 },
  );
  expect(scrapes).toBeGreaterThan(100);
});

it("a reading fetches only changed series, and all series after a deletion", async () => {
  const on = counting(await connect(await freshDatabase()));
  for (let number = 0; number < 20; number += 1) await add(on, `number="${number}"`);
  const kept = new KeptSeries("counter_series");
  const fetchedSeries = async () => {
    on.series = 0;
    const text = await textOf(kept, on);
    const { series } = on;
    expect(text).toEqual(await wholeText(on));
    return series;
  };
  expect(await fetchedSeries()).toBe(20);
  // Transactions of the server's other databases can hold the horizon back.
  await expect.poll(fetchedSeries).toBe(0);
  on.start = "timestamptz '2026-01-01 UTC'";
  expect(await fetchedSeries()).toBe(20);
  await expect.poll(fetchedSeries).toBe(0);
  await add(on, `number="3"`);
  await add(on, `number="new"`);
  expect(await fetchedSeries()).toBe(2);
  await on.query(`DELETE FROM octogauge.counter_series WHERE labels = 'number="7"'`);
  expect(await fetchedSeries()).toBeGreaterThanOrEqual(20);
  await on.query("TRUNCATE octogauge.counter_series");
  expect(await fetchedSeries()).toBe(0);
});

it("a long transaction becomes visible at its commit, although later transactions were read before", async () => {
  const url = await freshDatabase();
  const [long, short, reader] = await Promise.all([connect(url), connect(url), connect(url)]);
  const kept = new KeptSeries("counter_series");
  await add(long, `of="long"`);
  await long.query("BEGIN");
  await add(long, `of="long"`, 41);
  for (let round = 0; round < 3; round += 1) {
    await add(short, `of="short"`);
    expect(await textOf(kept, reader)).toEqual([["m", `m{of="long"} 1\nm{of="short"} ${round + 1}\n`]]);
  }
  await long.query("COMMIT");
  expect(await textOf(kept, reader)).toEqual([["m", `m{of="long"} 42\nm{of="short"} 3\n`]]);
});

it("another database or a recreated table gets its own text, even with as many series and older transactions", async () => {
  const [first, second] = await Promise.all([freshDatabase(), freshDatabase()].map(async (url) => connect(await url)));
  await add(second!, `number="1"`, 7);
  await add(first!, `number="1"`, 5);
  const kept = new KeptSeries("counter_series");
  expect(await textOf(kept, first!)).toEqual([["m", `m{number="1"} 5\n`]]);
  expect(await textOf(kept, second!)).toEqual([["m", `m{number="1"} 7\n`]]);
  await second!.query(
    `BEGIN; ALTER TABLE octogauge.counter_series RENAME TO old; CREATE TABLE octogauge.counter_series (LIKE octogauge.old)`,
  );
  await second!.query(`INSERT INTO octogauge.counter_series VALUES ('m', 'number="1"', 1); COMMIT`);
  expect(await textOf(kept, second!)).toEqual([["m", `m{number="1"} 1\n`]]);
});

it("a horizon that is so old that transaction ids may have wrapped around is not used", async () => {
  const on = counting(await connect(await freshDatabase()));
  let now = 0;
  const kept = new KeptSeries("counter_series", () => now);
  await add(on, `number="1"`);
  const fetchedAfter = async (milliseconds: number) => {
    on.series = 0;
    now += milliseconds;
    await textOf(kept, on);
    return on.series;
  };
  await expect.poll(() => fetchedAfter(0)).toBe(0);
  expect(await fetchedAfter(HOUR)).toBe(0);
  expect(await fetchedAfter(HOUR + 1)).toBe(1);
});

it("histograms are cached too, from their own table", async () => {
  const client = await connect(await freshDatabase());
  const kept = new KeptSeries("histogram_series");
  const insert = (count: number) =>
    client.query(
      `INSERT INTO octogauge.histogram_series VALUES ('h', 'a="b"', '{1,2.5}', '{1,2}', 3.5, $1) ON CONFLICT (metric, labels) DO UPDATE SET count = excluded.count`,
      [count],
    );
  for (const count of [2, 3]) {
    await insert(count);
    expect(await textOf(kept, client)).toEqual([
      [
        "h",
        `h_bucket{a="b",le="1"} 1\nh_bucket{a="b",le="2.5"} 2\nh_bucket{a="b",le="+Inf"} ${count}\nh_sum{a="b"} 3.5\nh_count{a="b"} ${count}\n`,
      ],
    ]);
  }
});

it("after a crash of a server process all series are read again, because transaction ids may be reused", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "octogauge-crash-"));
  const server = await startEmbeddedPostgres({ dataDir });
  onTestFinished(async () => {
    await server.stop();
    for (const directory of [dataDir, server.dataDir]) rmSync(directory, { recursive: true, force: true });
  });
  await migrateDatabase(loadConfig({ DATABASE_URL: server.url, GITHUB_WEBHOOK_SECRET: "s" }));
  const connected = async () => {
    const client = new pg.Client({ connectionString: server.url });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const before = counting(await connected());
  await add(before, `number="1"`);
  const kept = new KeptSeries("counter_series");
  const fetchedSeries = async (on: ReturnType<typeof counting>) => {
    on.series = 0;
    await textOf(kept, on);
    return on.series;
  };
  expect(await fetchedSeries(before)).toBe(1);
  await expect.poll(() => fetchedSeries(before)).toBe(0);
  const { rows } = await (await connected()).query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  process.kill(rows[0]!.pid, "SIGKILL");
  await expect.poll(() => fetchedSeries(before).catch(() => "away")).toBe("away");
  await expect.poll(async () => (await connected()).end().catch(() => "away")).toBeUndefined();
  const again = await connected();
  expect(await fetchedSeries(counting(again))).toBe(1);
  await again.end();
});
