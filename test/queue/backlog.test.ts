import { expect, it } from "vitest";
import { oldestPendingAge, readBacklog } from "../../src/queue/backlog.sql.js";
import { freshDatabase, rowsOf } from "../support/database.js";

it("overflow and rate-limited deliveries do not count as late", async () => {
  const url = await freshDatabase();
  const on = { query: async (text: string, values?: unknown[]) => ({ rows: await rowsOf(url, text, values) }) };
  const put = (lane: number, minutes: number, dueIn: number | null = null) =>
    rowsOf(
      url,
      `INSERT INTO octogauge.inbox (priority, delivery_id, event, received_at, form, payload, due_at)
       VALUES ($1, gen_random_uuid(), 'star', now() - make_interval(mins => $2), false, '{}', now() + make_interval(mins => $3::int))`,
      [lane, minutes, dueIn],
    );
  // One row per kind of lane for priority 0: normal, overflow, delayed (one due, one not due) and delayed overflow.
  await put(0, 1);
  await put(4, 60);
  await put(8, 90, -2);
  await put(8, 90, 5);
  await put(12, 300, -240);
  const [first, ...others] = await readBacklog(on);
  expect(first).toMatchObject({ priority: 0, pending: 4, surplus: 2, delayed: 1 });
  // A delayed delivery is late since its due time, not since its receipt.
  expect(first!.oldestAge).toBeCloseTo(120, -1);
  expect(first!.oldestSurplusAge).toBeCloseTo(240 * 60, -1);
  expect(others.every(({ pending, oldestAge, oldestSurplusAge }) => pending + oldestAge + oldestSurplusAge === 0)).toBe(true);
  expect(await oldestPendingAge(on)).toBeCloseTo(120, -1);
});
