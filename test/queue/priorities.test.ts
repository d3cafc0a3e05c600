import { describe, expect, it } from "vitest";
import { readPriorities } from "../../src/config/priorities.js";
import { laneOf } from "../../src/intake/lanes.js";
import { projectionOf } from "../../src/events/project.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload } from "../support/payloads.js";

const laneBy = (priorities: string, event: string, payload: unknown = {}) =>
  laneOf(readPriorities(priorities)!, event, projectionOf(event, false, Buffer.from(JSON.stringify(payload))));

describe("PRIORITIES", () => {
  it("maps events, event.action pairs and all others to lanes", () => {
    const priorities = "workflow_job=1, workflow_job.completed=2\npush=3,*=0";
    expect(laneBy(priorities, "workflow_job", jobPayload("queued"))).toBe(1);
    expect(laneBy(priorities, "workflow_job", jobPayload("completed"))).toBe(2);
    expect(laneBy(priorities, "push", { ref: "refs/heads/main" })).toBe(3);
    expect(laneBy(priorities, "star", { action: "created" })).toBe(0);
    expect(laneBy("push=0", "star", { action: "created" })).toBe(1);
    // An unprojected payload has no known action, so its event decides.
    expect(laneOf(readPriorities(priorities)!, "workflow_job", null)).toBe(1);
  });

  it.each(["push", "push=4", "push=-1", "push=1.5", "push=0,push=1", "Push=1", "push.opened.twice=1", "=1"])("rejects %s", (value) => {
    expect(readPriorities(value)).toBeUndefined();
  });
});

describe("the lanes of the inbox", () => {
  it("are processed in order, except that every tenth batch starts with the lower lanes", async () => {
    const fleet = await stillFleet({ BATCH_SIZE: "5", PRIORITIES: "workflow_job=0,push=1,*=2" });
    for (let id = 1; id <= 200; id += 1) await fleet.accept("workflow_job", jobPayload("queued", { id }));
    for (let other = 0; other < 10; other += 1) {
      await fleet.accept("push", { ref: "refs/heads/main", commits: [] });
      await fleet.accept("star", { action: "created" });
    }
    const left = async () =>
      Object.fromEntries(
        (await rowsOf(fleet.url, "SELECT priority, count(*)::integer FROM octogauge.inbox GROUP BY 1")).map(({ priority, count }) => [
          priority,
          count,
        ]),
      );
    for (let batch = 0; batch < 9; batch += 1) await fleet.processBatch();
    expect(await left()).toEqual({ 0: 155, 1: 10, 2: 10 });
    await fleet.processBatch();
    expect(await left()).toEqual({ 0: 155, 1: 5, 2: 10 });
    // The next lower lane gets its batch ten batches later.
    for (let batch = 0; batch < 10; batch += 1) await fleet.processBatch();
    expect(await left()).toEqual({ 0: 110, 1: 5, 2: 5 });
    expect(await fleet.samples("octogauge_inbox_pending")).toEqual([
      'octogauge_inbox_pending{priority="0"} 110',
      'octogauge_inbox_pending{priority="1"} 5',
      'octogauge_inbox_pending{priority="2"} 5',
      'octogauge_inbox_pending{priority="3"} 0',
    ]);
    await fleet.process();
    expect(await left()).toEqual({});
  });
});
