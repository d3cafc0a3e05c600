import { ticksOfEventId } from "../../../src/simulator/event-id.js";
import { asNumber, asSeconds, asText, type JsonObject } from "../../../src/simulator/reading.js";

/** The state of an attempt or a job in one event, with all values that order two states. */
export interface Snapshot {
  /** In REST's form. */
  readonly status: string;
  readonly conclusion: string | null;
  /** A final state. Only a correction of the same kind can follow it. */
  readonly terminal: boolean;
  readonly seconds: number;
  readonly rank: number;
  readonly ticks: bigint;
  readonly payload: JsonObject;
}

/** A job's snapshot includes its run and attempt. */
export interface JobSnapshot extends Snapshot {
  readonly id: number;
  readonly runId: number;
  readonly attempt: number;
}

const ranks: Readonly<Record<string, number>> = { in_progress: 1, completed: 2 };
const rankOf = (status: string): number => ranks[status] ?? 0;

/** Default 1, because payloads of old GitHub Enterprise Servers have no attempt. */
export const attemptOf = (payload: JsonObject): number => asNumber(payload["run_attempt"]) ?? 1;

export function runSnapshot(action: string | undefined, run: JsonObject, guid: string): Snapshot {
  const conclusion = asText(run["conclusion"]) ?? null;
  const ownStatus = asText(run["status"]) ?? "queued";
  const common = { conclusion, seconds: asSeconds(run["updated_at"]) ?? 0, ticks: ticksOfEventId(guid) ?? 0n, payload: run };
  // GitHub calls a fork's run that waits for an approval "completed". After the approval the same attempt continues.
  if (conclusion === "action_required") return { ...common, status: ownStatus, terminal: false, rank: 0 };
  const status = action === "in_progress" || action === "completed" ? action : ownStatus;
  return { ...common, status, terminal: status === "completed", rank: rankOf(status) };
}

export function jobSnapshot(action: string | undefined, job: JsonObject, guid: string): JobSnapshot {
  const times = ["created_at", "started_at", "completed_at"].map((field) => asSeconds(job[field]) ?? 0);
  const status = action ?? asText(job["status"]) ?? "queued";
  return {
    id: asNumber(job["id"]) ?? 0,
    runId: asNumber(job["run_id"]) ?? 0,
    attempt: attemptOf(job),
    status,
    conclusion: asText(job["conclusion"]) ?? null,
    terminal: status === "completed",
    seconds: Math.max(...times),
    rank: rankOf(status),
    ticks: ticksOfEventId(guid) ?? 0n,
    payload: job,
  };
}

/** The later of two snapshots, independent of the order of the events. */
export function further<S extends Snapshot>(before: S | undefined, after: S): S {
  if (!before) return after;
  if (before.terminal !== after.terminal) return before.terminal ? before : after;
  if (before.seconds !== after.seconds) return before.seconds > after.seconds ? before : after;
  if (before.rank !== after.rank) return before.rank > after.rank ? before : after;
  return before.ticks > after.ticks ? before : after;
}
