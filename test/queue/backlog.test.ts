import { expect, it } from "vitest";
import { oldestPendingAge, readBacklog } from "../../src/queue/backlog.sql.js";
import { freshDatabase, rowsOf } from "../support/database.js";

it("tells what waits of what is meant to wait: surplus makes nothing late", async () => {
  const url = await freshDatabase();
  const on = { query: async (text: string, values?: unknown[]) => ({ rows: await rowsOf(url, text, values) }) };
  const put = (lane: number, minutes: number, dueIn: number | null = null) =>
    rowsOf(
      url,
      `INSERT INTO octogauge.inbox (priority, delivery_id, event, received_at, form, payload, due_at)
       VALUES ($1, gen_random_uuid(), 'star', now() - make_interval(mins => $2), false, '{}', now() + make_interval(mins => $3::int))`,
      [lane, minutes, dueIn],
    );
  // A lane of each kind: priority 0, its surplus, what was put off of it and of its surplus; once due, once not.
  await put(0, 1);
  await put(4, 60);
  await put(8, 90, -2);
  await put(8, 90, 5);
  await put(12, 300, -240);
  const [first, ...others] = await readBacklog(on);
  expect(first).toMatchObject({ priority: 0, pending: 4, surplus: 2, delayed: 1 });
  // Late since its turn came, not since it came itself.
  expect(first!.oldestAge).toBeCloseTo(120, -1);
  expect(first!.oldestSurplusAge).toBeCloseTo(240 * 60, -1);
  expect(others.every(({ pending, oldestAge, oldestSurplusAge }) => pending + oldestAge + oldestSurplusAge === 0)).toBe(true);
  expect(await oldestPendingAge(on)).toBeCloseTo(120, -1);
});
