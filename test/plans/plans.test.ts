import { beforeAll, describe, expect, it } from "vitest";
import { cloneOf, freshDatabase, rowsOf } from "../support/database.js";
import { fill, MOST_SERIES } from "./fill.js";
import { runHotPaths } from "./hot-paths.js";
import type { Plan } from "./plan.js";
import { type Expectation, STATEMENTS } from "./statements.js";

const [FEW, MANY] = [1_000, 1_000_000];
/** Small, so that the smaller inbox holds several batches. */
const SMALL_BATCHES = { BATCH_SIZE: "100" };
/** An index of a million rows has one or two more levels than one of a thousand. Nothing else may grow. */
const [FACTOR, SLACK] = [2, 50];

let few: Plan[];
let many: Plan[];
/** The large database with batches of the default size, because the planner uses the requested number of rows. */
let configured: Plan[];
/** The large database with statistics that say the queues are empty, as after a quiet time. */
let emptyStatistics: Plan[];
const QUEUES = ["inbox", "retries", "tallies", "begun_batches"];

beforeAll(async () => {
  const [small, big] = [await freshDatabase(), await freshDatabase()];
  await fill(small, FEW);
  await fill(big, MANY);
  // A small table is correctly read whole, so index plans are forced for the comparison.
  for (const method of ["seqscan", "hashjoin", "mergejoin"])
    await rowsOf(small, `ALTER DATABASE ${new URL(small).pathname.slice(1)} SET enable_${method} = off`);
  const [again, emptied] = [await cloneOf(big), await cloneOf(big)];
  await rowsOf(emptied, "UPDATE pg_class SET reltuples = 0 WHERE relname = ANY ($1) AND relkind = 'r'", [QUEUES]);
  await rowsOf(
    emptied,
    "DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relname = ANY ($1) AND relkind = 'r')",
    [QUEUES],
  );
  few = await runHotPaths(small, SMALL_BATCHES);
  many = await runHotPaths(big, SMALL_BATCHES);
  configured = await runHotPaths(again);
  emptyStatistics = await runHotPaths(emptied, SMALL_BATCHES);
});

const of = (plans: readonly Plan[], { matches }: Expectation): Plan[] => plans.filter(({ text }) => matches.test(text));
/** Buffers of the busiest run, because the loops run some statements again for a few rows. */
const buffersOf = (plans: readonly Plan[], expectation: Expectation): number =>
  Math.max(...of(plans, expectation).map(({ buffers }) => buffers));

describe.each(Object.entries(STATEMENTS))("%s", (_, expectation) => {
  const { uses, readsWhole = [], buffersPerRow = 0, buffersPerSeries = 0 } = expectation;

  it("uses its indexes at a million rows", () => {
    const plans = of([...many, ...configured], expectation);
    expect(plans).not.toEqual([]);
    for (const { indexes, wholeTables, hashes } of plans) {
      expect(indexes).toEqual(expect.arrayContaining([...uses]));
      expect(wholeTables.filter((table) => !readsWhole.includes(table))).toEqual([]);
      expect(hashes || !expectation.hashes).toBe(true);
    }
  });

  it("touches hardly more buffers at a million rows than at a thousand", () => {
    const byNature = buffersPerRow * MANY + buffersPerSeries * MOST_SERIES;
    expect(buffersOf(many, expectation)).toBeLessThanOrEqual(byNature || FACTOR * buffersOf(few, expectation) + SLACK);
    expect(buffersOf(emptyStatistics, expectation)).toBeLessThanOrEqual(byNature || FACTOR * buffersOf(few, expectation) + SLACK);
  });
});

it("every statement of the hot paths has an expectation", () => {
  const known = Object.values(STATEMENTS);
  expect(many.filter(({ text }) => !known.some(({ matches }) => matches.test(text))).map(({ text }) => text)).toEqual([]);
});
