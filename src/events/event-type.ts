import type { JsonObject, Repository } from "./fields.js";
import type { WorkflowJob } from "./workflow-job.js";
import type { WorkflowRun } from "./workflow-run.js";

/**
 * Selected members of a payload: `value` copies the member, `count` writes the length of an array, `started` writes 1 if an
 * element of an array has a `started_at` (else 0), and an object selects members of an object.
 */
export interface Selection {
  readonly [name: string]: "value" | "count" | "started" | Selection;
}

export const values = (...names: string[]): Selection => Object.fromEntries(names.map((name) => [name, "value" as const]));

/** Members that `repository()` in fields.ts reads. */
export const REPOSITORY: Selection = { ...values("name", "full_name"), owner: values("login") };
export const REPOSITORY_WITH_BRANCH: Selection = { ...REPOSITORY, ...values("default_branch") };

/** A counter that events of one type raise, with the members of a metric family. */
export interface EventCounter {
  readonly name: string;
  readonly type: "counter";
  readonly labels: readonly string[];
  readonly help: string;
}

export const eventCounter = (name: string, labels: readonly string[], help: string): EventCounter => ({
  name,
  type: "counter",
  labels: ["owner", "repo", ...labels],
  help,
});

/** Collects what the events of a batch change. */
export interface EventSink {
  observeJob(job: WorkflowJob): void;
  observeRun(run: WorkflowRun, branch: string): void;
  /** @param labels values in the order of the counter's labels */
  count(counter: EventCounter, labels: readonly string[], amount?: number): void;
  /** The `branch` label that BRANCH_LABEL asks for. */
  branchLabel(name: string, defaultBranch: string, kind: "branch" | "tag" | "foreign"): string;
}

/** Fields that every event has. */
export interface EventFields {
  /** The name of its type. */
  readonly kind: string;
  readonly action: string;
  /** Undefined for events that are only counted. */
  readonly repository?: Repository;
}

/** Everything that Octogauge knows about one event type of GitHub. One file per event type defines one of these. */
export interface EventType<Event extends EventFields> {
  /** The members that `read` reads. Intake stores them as the projection; the whole body is stored apart, in a payload pack. */
  readonly selection: Selection;
  /** Further members, which few payloads have. */
  readonly optional?: Selection;
  /** The keys become keys of COUNTERS. */
  readonly counters?: Readonly<Record<string, EventCounter>>;
  /**
   * @param isStored true for a projection, where `count` and `started` members are numbers
   * @throws {UnexpectedPayload}
   */
  read(payload: JsonObject, isStored: boolean): Event;
  /** Called once for each delivery. */
  fold(event: Event, sink: EventSink): void;
}
