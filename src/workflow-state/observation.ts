import { FACT, has } from "./facts.js";

/** What one event says of a run attempt or a job, in the form of its row. Times are milliseconds since 1970. */
export interface Observation {
  readonly owner: string;
  readonly repo: string;
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string;
  readonly completed: boolean;
  readonly rank: number;
  readonly updatedAt: number;
  /** Microseconds since 1970. */
  readonly eventTime: number;
  /** When the phase (queued, running) began. */
  readonly since: number;
  /** Bits of FACT. */
  readonly facts: number;
  /** The fact bit says whether there is one. */
  readonly durationSeconds: number;
}

const RANKS: Readonly<Record<string, number>> = { requested: 0, queued: 0, waiting: 0, pending: 0, in_progress: 1, completed: 2 };

/** 0 for what is yet to start and for statuses that GitHub may add, 1 in_progress, 2 completed. */
export function rankOf(status: string): number {
  return Object.hasOwn(RANKS, status) ? (RANKS[status] ?? 0) : 0;
}

export const isKnownStatus = (status: string): boolean => Object.hasOwn(RANKS, status);

/** Whether `a` replaces `b`: the greater of (terminal, updated_at, rank, event time); status and conclusion last, so that no tie is left to chance. */
export function isGreater(a: Observation, b: Observation): boolean {
  if (a.completed !== b.completed) return a.completed;
  if (a.updatedAt !== b.updatedAt) return a.updatedAt > b.updatedAt;
  if (a.rank !== b.rank) return a.rank > b.rank;
  if (a.eventTime !== b.eventTime) return a.eventTime > b.eventTime;
  if (a.status !== b.status) return a.status > b.status;
  return a.conclusion > b.conclusion;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Joins two observations of the same thing: the greater one's row, both ones' facts, the longer duration, the labels of an event. */
export function join<T extends Observation>(a: T, b: T): Writable<T> {
  const [greater, other] = isGreater(a, b) ? [a, b] : [b, a];
  // Written to after the copy: what is said after a spread takes V8's slow way (bench/NOTES.md).
  const joined: Writable<T> = { ...greater };
  if (!has(greater.facts, FACT.labelled) && has(other.facts, FACT.labelled)) {
    joined.owner = other.owner;
    joined.repo = other.repo;
    joined.workflow = other.workflow;
  }
  joined.facts = a.facts | b.facts;
  joined.durationSeconds = Math.max(a.durationSeconds, b.durationSeconds);
  return joined;
}

/** Seconds from one time to another; never negative, since GitHub's clocks can disagree by a second. */
export function secondsBetween(from: number, to: number): number {
  return Math.max(0, (to - from) / 1_000);
}
