import { describe, expect, it } from "vitest";
import { ticksOfEventId } from "../../src/simulator/event-id.js";
import { generateHistory, type HistoryOptions } from "../../src/simulator/history.js";
import type { SimulatedDelivery } from "../../src/simulator/model.js";

interface Run {
  id: number;
  head_branch: string | null;
  event: string;
  status: string;
  conclusion: string | null;
  run_attempt: number;
  created_at: string;
  updated_at: string;
  run_started_at: string;
  head_repository: { full_name: string } | null;
}
interface Job {
  id: number;
  run_id: number;
  run_attempt: number;
  name: string;
  steps: unknown[];
  conclusion: string | null;
  created_at?: string;
  started_at: string;
  completed_at: string | null;
  labels: string[];
  runner_id: number | null;
}
interface Seen<T> {
  id: string;
  hookId: number;
  action: string;
  full_name: string;
  workflow: { name: string } | null;
  it: T;
}

const make = (options: Partial<HistoryOptions> = {}) => [...generateHistory(options)];

function read<T>(deliveries: readonly SimulatedDelivery[], event: string): Seen<T>[] {
  return deliveries
    .filter((delivery) => delivery.event === event)
    .map(({ deliveryId, hookId, body }) => {
      const { action, repository, workflow, [event]: it } = JSON.parse(body) as Record<string, unknown>;
      const { full_name } = repository as { full_name: string };
      return { id: deliveryId, hookId, action, full_name, workflow, it } as Seen<T>;
    });
}

const history = make();
const inOrder = make({ disorder: 0, duplicateRate: 0, secondHookRate: 0 });
const runs = read<Run>(inOrder, "workflow_run");
const jobs = read<Job>(inOrder, "workflow_job");
const attempts = new Map<string, Seen<Run>[]>();
const stories = new Map<number, Seen<Job>[]>();
for (const job of jobs) stories.set(job.it.id, [...(stories.get(job.it.id) ?? []), job]);
for (const run of runs) {
  const key = `${run.it.id}/${run.it.run_attempt}`;
  attempts.set(key, [...(attempts.get(key) ?? []), run]);
}
const actionsOf = (story: readonly { action: string }[]) => story.map(({ action }) => action).join(" ");
const isReal = (run: Seen<Run>) => run.action === "completed" && run.it.conclusion !== "action_required";
const overAttempts = new Set(runs.filter(isReal).map(({ it }) => `${it.id}/${it.run_attempt}`));
const someJob = (holds: (story: readonly Seen<Job>[], last: Job) => boolean) =>
  [...stories.values()].some((story) => holds(story, (story.at(-1) as Seen<Job>).it));

describe("a history", () => {
  it("is equal for equal options and differs for another seed", () => {
    expect(make({ deliveries: 300 })).toEqual(make({ deliveries: 300 }));
    const mine = make({ deliveries: 300, seed: 1 });
    const other = make({ deliveries: 300, seed: 2 });
    const names = (of: SimulatedDelivery[]) => new Set(of.flatMap(({ body }) => /"full_name":"[^"]+"/.exec(body) ?? []));
    expect([...names(mine)].filter((name) => names(other).has(name))).toEqual([]);
    const ids = new Set(mine.map(({ deliveryId }) => deliveryId));
    expect(other.filter(({ deliveryId }) => ids.has(deliveryId))).toEqual([]);
    const runIds = new Set(read<Run>(mine, "workflow_run").map(({ it }) => it.id));
    expect(read<Run>(other, "workflow_run").filter(({ it }) => runIds.has(it.id))).toEqual([]);
  });

  it("has the requested number of deliveries, and owners named after the seed", () => {
    expect(history).toHaveLength(5000);
    expect(make({ deliveries: 0 })).toEqual([]);
    expect(runs.every(({ full_name }) => /^[a-z]+-s1-\w+\//.test(full_name))).toBe(true);
  });

  it("has the time of the event in the GUID, at least 10 microseconds apart for one entity", () => {
    const offset = 0x01b21dd213814000n;
    for (const story of [...stories.values(), ...attempts.values()]) {
      const ticks = story.map(({ id }) => ticksOfEventId(id) as bigint);
      expect(ticks.every((at, i) => i === 0 || at - (ticks[i - 1] as bigint) >= 100n)).toBe(true);
    }
    const first = runs[0] as Seen<Run>;
    const seconds = Number(((ticksOfEventId(first.id) as bigint) - offset) / 10_000_000n);
    expect(new Date(seconds * 1000).toISOString()).toBe(first.it.updated_at.replace("Z", ".000Z"));
    expect(new Set(inOrder.map(({ deliveryId }) => deliveryId)).size).toBe(inOrder.length);
  });

  it("keeps the labels of a job in all its events", () => {
    expect([...stories.values()].every((story) => new Set(story.map(({ it }) => it.labels.join())).size === 1)).toBe(true);
  });

  it("has bodies of GitHub's size if requested", () => {
    const padded = make({ deliveries: 600, pad: true });
    const sizes = (event: string) => padded.filter((delivery) => delivery.event === event).map(({ body }) => body.length);
    expect(Math.min(...sizes("workflow_job"))).toBeGreaterThan(6800);
    expect(Math.max(...sizes("workflow_job"))).toBeLessThan(12_500);
    expect(Math.min(...sizes("workflow_run"))).toBeGreaterThan(15_000);
    expect(Math.max(...sizes("workflow_run"))).toBeLessThan(25_000);
  });

  it("repeats, duplicates and reorders deliveries", () => {
    const counts = new Map<string, number>();
    for (const { deliveryId } of history) counts.set(deliveryId, (counts.get(deliveryId) ?? 0) + 1);
    expect([...counts.values()].filter((count) => count > 1).length).toBeGreaterThan(50);
    const hooks = new Map<string, Set<number>>();
    for (const { body, hookId } of history) hooks.set(body, (hooks.get(body) ?? new Set()).add(hookId));
    expect([...hooks.values()].filter((set) => set.size > 1).length).toBeGreaterThan(50);
    const ticks = (of: SimulatedDelivery[]) => of.map(({ deliveryId }) => ticksOfEventId(deliveryId) as bigint);
    const inversions = (of: bigint[]) => of.filter((at, i) => i > 0 && at < (of[i - 1] as bigint)).length;
    expect(inversions(ticks(history))).toBeGreaterThan(1000);
    expect(inversions(ticks(inOrder))).toBe(0);
  });
});

const peculiarities: Record<string, () => boolean> = {
  "a matrix of more than 8 jobs": () => {
    const sizes = new Map<string, number>();
    for (const [first] of stories.values()) {
      const key = `${first?.it.run_id}/${first?.it.run_attempt}`;
      sizes.set(key, (sizes.get(key) ?? 0) + 1);
    }
    return Math.max(...sizes.values()) > 8 && Math.max(...sizes.values()) <= 20;
  },
  "a third attempt": () => runs.some(({ it }) => it.run_attempt === 3),
  "a copy of a finished job under a new id": () =>
    someJob(
      (story, last) =>
        actionsOf(story) === "completed" &&
        last.run_attempt > 1 &&
        (last.completed_at ?? "") < (last.created_at ?? "") &&
        jobs.some(({ it }) => it.id !== last.id && it.run_id === last.run_id && it.name === last.name && it.started_at === last.started_at),
    ),
  "an approval gate, with its deployment": () =>
    someJob((story) => actionsOf(story).startsWith("queued waiting queued in_progress")) &&
    inOrder.some(({ body }) => body.includes('"deployment":{')),
  "a start that becomes known late": () =>
    someJob((story) => actionsOf(story).startsWith("queued in_progress completed") && story[1]!.it.started_at < story[2]!.it.started_at),
  "a job that ran without runner fields": () => someJob((_, last) => last.runner_id === null && last.steps.length > 1),
  "a check run of another app": () =>
    someJob((_, last) => last.runner_id === null && last.labels.length === 0 && last.created_at === last.completed_at),
  "jobs without run_attempt": () => someJob((_, last) => last.run_attempt === undefined),
  "an attempt known only by its jobs": () => jobs.some(({ it }) => it.run_attempt > 0 && !attempts.has(`${it.run_id}/${it.run_attempt}`)),
  "a deleted fork": () => runs.some(({ it }) => it.head_repository === null),
  "an unreadable workflow file": () =>
    [...attempts.values()].some((story) => story.every(({ it }) => it.conclusion === "failure" && it.updated_at === it.run_started_at)),
  "a fork's run that waits for approval and never gets it": () =>
    [...attempts.values()].some((story) => story.every(({ it }) => it.conclusion === "action_required")),
  "a fork's run that completes after its approval": () =>
    [...attempts.values()].some((story) => story[0]?.it.conclusion === "action_required" && story.some(isReal)),
  "a skipped job that ends before its creation": () =>
    someJob(
      ([first], last) =>
        first?.action === "completed" &&
        last.conclusion === "skipped" &&
        last.labels.length === 0 &&
        last.started_at < (last.created_at ?? ""),
    ),
  "a job cancelled before it got a runner": () => someJob((_, last) => last.conclusion === "cancelled" && last.runner_id === null),
  "a runner_id of 0": () => someJob((_, last) => last.runner_id === 0),
  "a lost in_progress": () => someJob((story, last) => actionsOf(story) === "queued completed" && last.runner_id !== null),
  "in_progress twice": () => someJob((story) => actionsOf(story).startsWith("queued in_progress in_progress")),
  "a job without created_at": () => someJob((_, last) => last.created_at === undefined),
  "a job that ends before it starts": () => someJob((_, last) => last.completed_at !== null && last.completed_at < last.started_at),
  "open jobs in a completed attempt": () =>
    someJob((story, last) => !actionsOf(story).includes("completed") && overAttempts.has(`${last.run_id}/${last.run_attempt}`)),
  "open jobs at the end": () =>
    someJob((story, last) => !actionsOf(story).includes("completed") && !overAttempts.has(`${last.run_id}/${last.run_attempt}`)),
  "an attempt superseded before it completed": () =>
    [...attempts].some(([key, [run]]) => !overAttempts.has(key) && attempts.has(`${run?.it.id}/${(run?.it.run_attempt ?? 0) + 1}`)),
  "a run within one second": () =>
    [...attempts.values()].some((story) => story.length === 3 && new Set(story.map(({ it }) => it.updated_at)).size === 1),
  "a run with no workflow object": () => runs.some(({ workflow }) => workflow === null),
  "a run without a branch": () => runs.some(({ it }) => it.head_branch === null),
  "a run from a fork": () => runs.some(({ it, full_name }) => it.head_repository !== null && it.head_repository.full_name !== full_name),
  "workflow names with quotes, backslashes and other scripts": () => {
    const names = runs.map(({ workflow }) => workflow?.name ?? "").join();
    return names.includes('"') && names.includes("\\") && names.includes("数据同步") && names.includes(" ");
  },
  "all five triggers": () => new Set(runs.map(({ it }) => it.event)).size === 5,
  "pushes without commits, of tags, to the default branch and to others": () => {
    const pushes = inOrder
      .filter(({ event }) => event === "push")
      .map(({ body }) => JSON.parse(body) as { ref: string; commits: unknown[]; repository: { default_branch: string } });
    return (
      pushes.some(({ commits }) => commits.length === 0) &&
      pushes.some(({ ref }) => ref.startsWith("refs/tags/")) &&
      pushes.some(({ ref, repository }) => ref === `refs/heads/${repository.default_branch}`) &&
      pushes.some(({ ref }) => ref.startsWith("refs/heads/feature/"))
    );
  },
  "pull requests opened, synchronized and closed": () => {
    const actions = new Set(read(inOrder, "pull_request").map(({ action }) => action));
    return ["opened", "synchronize", "closed"].every((action) => actions.has(action));
  },
  "pings and events without metrics": () =>
    ["ping", "star", "check_run", "issues"].every((event) => inOrder.some((delivery) => delivery.event === event)),
};

describe("a history of 5000 deliveries has", () => {
  it.each(Object.entries(peculiarities))("%s", (_, occurs) => {
    expect(occurs()).toBe(true);
  });
});
