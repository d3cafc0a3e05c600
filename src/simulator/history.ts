import { makeCatalogue } from "./catalogue.js";
import { disturb } from "./disorder.js";
import { createEventIds, secondsOfTicks } from "./event-id.js";
import type { PlannedEvent, SimulatedRepository, SimulatedDelivery } from "./model.js";
import { renderPing } from "./other-payloads.js";
import { createEntityClock, planned, type Planning } from "./planning.js";
import { PriorityQueue } from "./priority-queue.js";
import { createRandom, hash32 } from "./random.js";
import { createScriptPlanner } from "./script.js";

/** Options of a simulated history. The same options give the same deliveries, byte for byte. */
export interface HistoryOptions {
  /** Seed of all random numbers. Default 1. */
  readonly seed: number;
  /** Number of deliveries, including duplicates. Default 5000. */
  readonly deliveries: number;
  /** Number of organizations. Default 2. */
  readonly owners: number;
  /** Repositories per organization. Default 4. */
  readonly repositories: number;
  /** Start of the history; events are sent faster than real time. Default 1 October 2026, 08:00 UTC. */
  readonly startTime: Date;
  /** Share of deliveries (0 to 1) sent again under the same GUID. Default 0.03. */
  readonly duplicateRate: number;
  /** Share of run and job events (0 to 1) that a second hook sends with another GUID. Default 0.03. */
  readonly secondHookRate: number;
  /** Most places by which a delivery is late; 0 keeps the order. Default 25. */
  readonly disorder: number;
  /** Bodies of GitHub's size (7 to 25 KB) instead of about 2 KB. Default false. */
  readonly pad: boolean;
  /** Concurrent runs; this bounds the memory. Default 25. */
  readonly concurrentRuns: number;
}

export const defaultHistoryOptions: HistoryOptions = {
  seed: 1,
  deliveries: 5000,
  owners: 2,
  repositories: 4,
  startTime: new Date("2026-10-01T08:00:00Z"),
  duplicateRate: 0.03,
  secondHookRate: 0.03,
  disorder: 25,
  pad: false,
  concurrentRuns: 25,
};

interface Occurrence extends PlannedEvent {
  readonly last: boolean;
}

function* occurrences(planning: Planning, repositories: readonly SimulatedRepository[], o: HistoryOptions) {
  const { random } = planning;
  const plan = createScriptPlanner(planning, repositories);
  const queue = new PriorityQueue<Occurrence>((a, b) => a.ticks < b.ticks);
  const begin = Math.floor(o.startTime.getTime() / 1000);
  const clock = createEntityClock(random);
  for (const repository of new Map(repositories.map((r) => [r.owner, r])).values()) {
    yield planned(repository, "ping", clock(begin), () => renderPing(repository));
  }
  const start = (at: number) => {
    const events = plan(at);
    events.forEach((event, i) => queue.push({ ...event, last: i === events.length - 1 }));
  };
  for (let i = 0; i < o.concurrentRuns; i++) start(begin + 1 + random.int(0, 600));
  for (let next = queue.pop(); next; next = queue.pop()) {
    yield next;
    if (next.last) start(secondsOfTicks(next.ticks) + 2 + Math.floor(random.exponential(10)));
  }
}

function* deliveries(o: HistoryOptions, identity: string): Generator<SimulatedDelivery> {
  const random = createRandom(`history ${identity}`);
  const number = hash32(identity);
  // A million ranges of ten million ids, so that different histories rarely share ids.
  let id = 10_000_000_000 + (number >>> 12) * 10_000_000;
  const planning: Planning = { random, pad: o.pad, nextId: () => id++ };
  const repositories = makeCatalogue({ ...o, identity }, createRandom(`catalogue ${identity}`));
  const hooks = createRandom(`hooks ${identity}`);
  const newId = createEventIds(number);
  for (const { event, ticks, repository, render } of occurrences(planning, repositories, o)) {
    const body = render();
    yield { deliveryId: newId(ticks), event, hookId: repository.hookId, body };
    if (event.startsWith("workflow_") && hooks.chance(o.secondHookRate)) {
      yield { deliveryId: newId(ticks), event, hookId: repository.secondHookId, body };
    }
  }
}

/**
 * Generates a history of GitHub Actions as webhook deliveries, in the order of sending. It is lazy, with bounded
 * memory, and ends after `deliveries`, with some runs still open.
 */
export function* generateHistory(options: Partial<HistoryOptions> = {}): Generator<SimulatedDelivery> {
  const o: HistoryOptions = { ...defaultHistoryOptions, ...options };
  // Different options give different ids, because two versions of the same run would contradict each other.
  const identity = [o.seed, o.startTime.getTime(), o.owners, o.repositories, o.concurrentRuns].join(" ");
  const disturbed = disturb(deliveries(o, identity), createRandom(`disorder ${identity}`), {
    duplicateRate: o.duplicateRate,
    window: o.disorder,
  });
  let left = o.deliveries;
  if (left <= 0) return;
  for (const delivery of disturbed) {
    yield delivery;
    if (--left <= 0) return;
  }
}
