import { ticksOfMilliseconds } from "./event-id.js";
import type { PlannedEvent, SimulatedRepository } from "./model.js";
import type { Random } from "./random.js";

/** Shared state of all plans of a history. */
export interface Planning {
  readonly random: Random;
  readonly pad: boolean;
  /** Returns a new unique id for a run, a job or another entity. */
  nextId(): number;
}

// 10 microseconds, so that times stored as microseconds or doubles still differ.
const smallestStep = 100;

/** Spreads the events of one entity within their second, in order. */
export function createEntityClock(random: Random): (seconds: number) => bigint {
  let last = 0n;
  return (seconds) => {
    const wanted = ticksOfMilliseconds(seconds * 1000) + BigInt(random.int(0, 9_999_999));
    const earliest = last + BigInt(random.int(smallestStep, 20_000));
    last = wanted > earliest ? wanted : earliest;
    return last;
  };
}

/** An event with a lazy body. */
export function planned(repository: SimulatedRepository, event: string, ticks: bigint, render: () => string): PlannedEvent {
  return { repository, event, ticks, render };
}
