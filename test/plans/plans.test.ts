import { beforeAll, describe, expect, it } from "vitest";
import { freshDatabase, rowsOf } from "../support/database.js";
import { fill, MOST_SERIES } from "./fill.js";
import { runHotPaths } from "./hot-paths.js";
import type { Plan } from "./plan.js";
import { type Expectation, STATEMENTS } from "./statements.js";

const [FEW, MANY] = [1_000, 1_000_000];
/** An index of a million rows is a level or two deeper than one of a thousand; nothing else may grow. */
const [FACTOR, SLACK] = [2, 50];

let few: Plan[];
let many: Plan[];

beforeAll(async () => {
  const [small, big] = [await freshDatabase(), await freshDatabase()];
  await fill(small, FEW);
  await fill(big, MANY);
  // A small table is rightly read whole; the plan to compare with is the one by index.
  for (const method of ["seqscan", "hashjoin", "mergejoin"])
    await rowsOf(small, `ALTER DATABASE ${new URL(small).pathname.slice(1)} SET enable_${method} = off`);
  few = await runHotPaths(small);
  many = await runHotPaths(big);
}, 180_000);

const of = (plans: readonly Plan[], { matches }: Expectation): Plan[] => plans.filter(({ text }) => matches.test(text));
/** Of its busiest run: the loops run some of them again for a few rows. */
const buffersOf = (plans: readonly Plan[], expectation: Expectation): number =>
  Math.max(...of(plans, expectation).map(({ buffers }) => buffers));

describe.each(Object.entries(STATEMENTS))("%s", (_, expectation) => {
  const { uses, readsWhole = [], buffersPerRow = 0, buffersPerSeries = 0 } = expectation;

  it("is planned by index at a million rows", () => {
    const plans = of(many, expectation);
    expect(plans).not.toEqual([]);
    for (const { indexes, wholeTables, hashes } of plans) {
      expect(indexes).toEqual(expect.arrayContaining([...uses]));
      expect(wholeTables.filter((table) => !readsWhole.includes(table))).toEqual([]);
      if (expectation.hashes) expect(hashes).toBe(true);
    }
  });

  it("touches hardly more buffers at a million rows than at a thousand", () => {
    const byNature = buffersPerRow * MANY + buffersPerSeries * MOST_SERIES;
    expect(buffersOf(many, expectation)).toBeLessThanOrEqual(byNature || FACTOR * buffersOf(few, expectation) + SLACK);
  });
});

it("knows every statement that the hot paths run", () => {
  const known = Object.values(STATEMENTS);
  expect(many.filter(({ text }) => !known.some(({ matches }) => matches.test(text))).map(({ text }) => text)).toEqual([]);
});
