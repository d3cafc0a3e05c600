import { expect, it } from "vitest";
import { DeadLetterRetention } from "../../src/dead-letters/retention.loop.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { repository } from "../support/payloads.js";

it("dead letters stay within DEAD_LETTERS_MAX_BYTES: the repository with most bytes loses its oldest, and a counter reports it", async () => {
  const fleet = await stillFleet({ DEAD_LETTERS_MAX_BYTES: "1048576" });
  const ids: string[] = [];
  const addDeadLetter = async (owner: string, bytes: number) => {
    const id = `00000000-0000-4000-8000-${String(ids.push("")).padStart(12, "0")}`;
    ids[ids.length - 1] = id;
    const payload = { action: "queued", pad: "x".repeat(bytes), repository: { ...repository, full_name: `${owner}/api` } };
    await fleet.deliver("workflow_job", payload, id);
    return id;
  };
  const kept = async () =>
    (await rowsOf<{ id: string }>(fleet.url, "SELECT delivery_id AS id FROM octogauge.dead_letters ORDER BY 1")).map(({ id }) => id);
  const acme = await addDeadLetter("acme", 200_000);
  const mallory = [];
  for (let n = 0; n < 5; n += 1) mallory.push(await addDeadLetter("mallory", 300_000));
  expect(await kept()).toHaveLength(6);
  expect((await fleet.samples("octogauge_dead_letters_bytes"))[0]).toMatch(/ 17\d{5}$/);
  while ((await fleet.get(DeadLetterRetention).runOnce()) === "again");
  expect(await kept()).toEqual([acme, ...mallory.slice(-2)]);
  expect((await fleet.samples("octogauge_dead_letters_bytes"))[0]).toMatch(/ 8\d{5}$/);
});
