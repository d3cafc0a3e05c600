import { expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { claim, fromTheStart, hold } from "../../src/queue/claim.sql.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN, runPayload } from "../support/payloads.js";

const MEBIBYTE = 1_048_576;

it("a claim returns bodies of completions only if asked, and never other bodies", async () => {
  const { accept, get } = await stillFleet();
  await accept("workflow_job", jobPayload("queued"));
  await accept("workflow_job", jobPayload("completed", RAN));
  await accept("workflow_run", runPayload("in_progress"));
  await accept("workflow_run", runPayload("completed"));
  await accept("check_run", { action: "completed" });
  const database = get(Database);
  const bodies = async (withCompletions: boolean, held = false) => {
    let found: (boolean | null)[] = [];
    const rolledBack = database.transaction(async (transaction) => {
      const search = fromTheStart(10, withCompletions);
      const rows = held ? await hold(transaction, search, true) : await claim(transaction, search);
      found = [...rows].sort((a, b) => Number(a.seq) - Number(b.seq)).map(({ payload }) => payload !== null);
      throw new Error("rolled back");
    });
    await expect(rolledBack).rejects.toThrow("rolled back");
    return found;
  };
  for (const held of [false, true]) {
    expect(await bodies(false, held)).toEqual([false, false, false, false, false]);
    expect(await bodies(true, held)).toEqual([false, true, false, true, false]);
  }
});

it("the bodies of completions count against the byte limit of a claim", async () => {
  const { accept, get } = await stillFleet();
  for (let id = 1; id <= 6; id += 1)
    await accept("workflow_job", jobPayload("completed", { ...RAN, id }, { more: "x".repeat(6 * MEBIBYTE) }));
  const database = get(Database);
  // A claim stops once it exceeds 16 MiB.
  expect(await database.transaction((transaction) => claim(transaction, fromTheStart(10, true)))).toHaveLength(3);
  expect(await database.transaction((transaction) => claim(transaction, fromTheStart(10)))).toHaveLength(3);
});
