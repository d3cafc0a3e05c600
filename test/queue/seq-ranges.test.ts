import fc from "fast-check";
import { expect, it } from "vitest";
import { rangesOf, within } from "../../src/queue/seq-ranges.js";
import { freshDatabase, rowsOf } from "../support/database.js";

it("consecutive sequence numbers form one range, in any input order", () => {
  expect(rangesOf([7, 3, 5, 4, 9_007_199_254_740_991])).toBe("{[3,5],[7,7],[9007199254740991,9007199254740991]}");
  expect(rangesOf([])).toBe("{}");
});

it("PostgreSQL parses the ranges, and their intersection contains exactly the common numbers", async () => {
  const url = await freshDatabase({ migrated: false });
  const some = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(some, some, async (mine, others) => {
      const [row] = await rowsOf<{ common: string }>(url, "SELECT ($1::int8multirange * $2::int8multirange)::text AS common", [
        rangesOf(mine),
        rangesOf(others),
      ]);
      const isCommon = within(["{}", row!.common]);
      for (let seq = 0; seq <= 41; seq += 1) expect(isCommon(seq)).toBe(mine.includes(seq) && others.includes(seq));
    }),
    { numRuns: 60 },
  );
});
