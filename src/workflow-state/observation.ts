import { FACT, has } from "./facts.js";

/** One event's view of a run attempt or a job, in the form of a row. Times are milliseconds since 1970. */
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
  /** Start of the phase (queued, running). */
  readonly since: number;
  /** Bits of FACT. */
  readonly facts: number;
  /** Valid if FACT.duration is set. */
  readonly durationSeconds: number;
}

const RANKS: Readonly<Record<string, number>> = { requested: 0, queued: 0, waiting: 0, pending: 0, in_progress: 1, completed: 2 };

/** 0: not started, or an unknown status; 1: in_progress; 2: completed. */
export function rankOf(status: string): number {
  return Object.hasOwn(RANKS, status) ? (RANKS[status] ?? 0) : 0;
}

export const isKnownStatus = (status: string): boolean => Object.hasOwn(RANKS, status);

/** Whether `a` replaces `b`: the greater of (terminal, updated_at, rank, event time). Status and conclusion break ties. */
export function isGreater(a: Observation, b: Observation): boolean {
  if (a.completed !== b.completed) return a.completed;
  if (a.updatedAt !== b.updatedAt) return a.updatedAt > b.updatedAt;
  if (a.rank !== b.rank) return a.rank > b.rank;
  if (a.eventTime !== b.eventTime) return a.eventTime > b.eventTime;
  if (a.status !== b.status) return a.status > b.status;
  return a.conclusion > b.conclusion;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Joins two observations: the row of the greater one, the facts of both, the longer duration, and labels from an event if one gave them. */
export function join<T extends Observation>(a: T, b: T): Writable<T> {
  const [greater, other] = isGreater(a, b) ? [a, b] : [b, a];
  // Assigned after the copy: properties after a spread are slow in V8 (bench/NOTES.md).
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

/** Never negative, because GitHub's clocks can differ by a second. Takes milliseconds. */
export function secondsBetween(from: number, to: number): number {
  return Math.max(0, (to - from) / 1_000);
}
