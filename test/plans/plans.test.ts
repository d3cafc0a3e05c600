import { beforeAll, describe, expect, it } from "vitest";
import { cloneOf, freshDatabase, rowsOf } from "../support/database.js";
import { fill, MOST_SERIES } from "./fill.js";
import { runHotPaths } from "./hot-paths.js";
import type { Plan } from "./plan.js";
import { type Expectation, STATEMENTS } from "./statements.js";

const [FEW, MANY] = [1_000, 1_000_000];
/** So that the smaller inbox holds several. */
const SMALL_BATCHES = { BATCH_SIZE: "100" };
/** An index of a million rows is a level or two deeper than one of a thousand; nothing else may grow. */
const [FACTOR, SLACK] = [2, 50];

let few: Plan[];
let many: Plan[];
/** As many rows, in batches as large as they are by default: the planner counts what it is asked for. */
let configured: Plan[];
/** As many rows, where statistics say that what comes and goes is empty, as it may have been when they were made. */
let surprised: Plan[];
const QUEUES = ["inbox", "retries", "tallies", "begun_batches"];

beforeAll(async () => {
  const [small, big] = [await freshDatabase(), await freshDatabase()];
  await fill(small, FEW);
  await fill(big, MANY);
  // A small table is rightly read whole; the plan to compare with is the one by index.
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
  surprised = await runHotPaths(emptied, SMALL_BATCHES);
});

const of = (plans: readonly Plan[], { matches }: Expectation): Plan[] => plans.filter(({ text }) => matches.test(text));
/** Of its busiest run: the loops run some of them again for a few rows. */
const buffersOf = (plans: readonly Plan[], expectation: Expectation): number =>
  Math.max(...of(plans, expectation).map(({ buffers }) => buffers));

describe.each(Object.entries(STATEMENTS))("%s", (_, expectation) => {
  const { uses, readsWhole = [], buffersPerRow = 0, buffersPerSeries = 0 } = expectation;

  it("is planned by index at a million rows", () => {
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
    expect(buffersOf(surprised, expectation)).toBeLessThanOrEqual(byNature || FACTOR * buffersOf(few, expectation) + SLACK);
  });
});

it("knows every statement that the hot paths run", () => {
  const known = Object.values(STATEMENTS);
  expect(many.filter(({ text }) => !known.some(({ matches }) => matches.test(text))).map(({ text }) => text)).toEqual([]);
});
