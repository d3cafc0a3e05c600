import { ticksOfMilliseconds } from "./event-id.js";
import type { PlannedEvent, SimulatedRepository } from "./model.js";
import type { Random } from "./random.js";

/** What all plans of a history share. */
export interface Planning {
  readonly random: Random;
  readonly pad: boolean;
  /** A new id for a run, a job or anything else; never the same twice. */
  nextId(): number;
}

// 10 microseconds, so that times kept in microseconds or in a double still differ.
const smallestStep = 100;

/** Spreads the events of one entity inside their seconds, each after the one before. */
export function createEntityClock(random: Random): (seconds: number) => bigint {
  let last = 0n;
  return (seconds) => {
    const wanted = ticksOfMilliseconds(seconds * 1000) + BigInt(random.int(0, 9_999_999));
    const earliest = last + BigInt(random.int(smallestStep, 20_000));
    last = wanted > earliest ? wanted : earliest;
    return last;
  };
}

/** An event whose body is made only when asked for. */
export function planned(repository: SimulatedRepository, event: string, ticks: bigint, render: () => string): PlannedEvent {
  return { repository, event, ticks, render };
}
