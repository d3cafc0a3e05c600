import { type Attributes, type HrTime, type Link, type SpanContext, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { JobRecord, RunRecord, StepRecord } from "./records.js";
import { endingOf } from "./conclusions.js";
import { type AttemptKey, spanIdOf, traceIdOf } from "./trace-ids.js";

const SCOPE = { name: "octogauge.ci" };
/** `cicd.pipeline.action.name` of a run. */
const RUN = "RUN";

/**
 * Builds the spans of a finished attempt by OpenTelemetry's CI/CD conventions
 * (https://opentelemetry.io/docs/specs/semconv/cicd/cicd-spans/); other attributes are `github.*`. The names are literals, because
 * the library's constants change in minor versions while the conventions are in development.
 *
 * The run is the root, with jobs and queue times as children; steps are children of their job. A generator, because
 * a large matrix has too many spans to build at once.
 * @param withRun false if the run was sent before
 * @param more additional resource attributes
 */
export function* spansOf(run: RunRecord, jobs: readonly JobRecord[], withRun: boolean, more: Attributes = {}): Generator<ReadableSpan> {
  const trace = new Trace(run, resourceOf(run, more));
  // GitHub copies jobs of an earlier attempt that are not run again, with their old times; they are skipped.
  const own = jobs.filter(({ completedAt }) => completedAt >= run.startedAt);
  if (withRun) yield trace.run(run);
  for (const job of own) yield* trace.job(job);
}

/** The resource of all spans of an attempt, as the conventions require. */
function resourceOf(run: RunRecord, more: Attributes): Resource {
  return resourceFromAttributes({
    ...more,
    "service.name": run.repo,
    "service.namespace": run.owner,
    "cicd.pipeline.name": run.workflow,
    "cicd.pipeline.run.id": String(run.runId),
    ...given("cicd.pipeline.run.url.full", run.url && `${run.url.replace(/\/attempts\/\d+$/, "")}/attempts/${run.runAttempt}`),
    "vcs.provider.name": "github",
    "vcs.owner.name": run.owner,
    "vcs.repository.name": run.repo,
    ...given("vcs.repository.url.full", run.repositoryUrl),
    ...given("vcs.ref.head.name", run.headBranch),
    ...given("vcs.ref.head.revision", run.headSha),
    ...given("vcs.change.id", run.change),
    "github.run.attempt": run.runAttempt,
    ...(run.number === null ? {} : { "github.run.number": run.number }),
    ...given("github.run.event", run.event),
  });
}

const given = (name: string, value: string): Attributes => (value === "" ? {} : { [name]: value });

interface Part {
  /** Name within the attempt, see {@link spanIdOf}. */
  readonly part: string;
  readonly parent?: string;
  readonly name: string;
  readonly kind?: SpanKind;
  readonly from: number;
  readonly to: number;
  readonly attributes: Attributes;
  readonly conclusion?: string;
  readonly links?: Link[];
}

/** Builds the spans of one attempt. */
class Trace {
  readonly #id: string;

  constructor(
    private readonly key: AttemptKey,
    private readonly resource: Resource,
  ) {
    this.#id = traceIdOf(key);
  }

  run(run: RunRecord): ReadableSpan {
    const before = { runId: run.runId, runAttempt: run.runAttempt - 1 };
    return this.#span({
      part: "run",
      name: run.workflow === "" ? RUN : `${RUN} ${run.workflow}`,
      kind: SpanKind.SERVER,
      from: run.startedAt,
      to: run.completedAt,
      conclusion: run.conclusion,
      attributes: { "cicd.pipeline.action.name": RUN, "cicd.pipeline.result": endingOf(run.conclusion).result },
      links: run.runAttempt > 1 ? [{ context: contextOf(before, "run"), attributes: { "github.run.attempt": before.runAttempt } }] : [],
    });
  }

  /** The span of the job, its queue time (truth rule 5) and its steps. */
  *job(job: JobRecord): Generator<ReadableSpan> {
    const part = `job:${job.jobId}`;
    const task = taskOf(job.name, String(job.jobId), job.url);
    // Skipped jobs did not start: completed_at is the time of the skip.
    const from = job.conclusion === "skipped" ? job.completedAt : job.startedAt;
    yield this.#span({
      part,
      parent: "run",
      name: job.name || part,
      from,
      to: job.completedAt,
      conclusion: job.conclusion,
      attributes: {
        ...task,
        ...resultOf(job.conclusion),
        ...(job.runner ? { "cicd.worker.id": job.runner.id, ...given("cicd.worker.name", job.runner.name) } : {}),
        ...given("github.runner.group.name", job.runner?.group ?? ""),
        "github.job.labels": [...job.labels],
      },
    });
    if ((job.runner || job.steps.length > 0) && job.createdAt !== null && job.conclusion !== "skipped")
      yield this.#span({
        part: `queue:${job.jobId}`,
        parent: "run",
        name: "queue",
        from: job.createdAt,
        to: job.startedAt,
        attributes: task,
      });
    for (const step of job.steps) yield this.#step(job, part, step);
  }

  #step(job: JobRecord, parent: string, step: StepRecord): ReadableSpan {
    const part = `${parent}:step:${step.number}`;
    // This fragment opens the step on GitHub's page of the job.
    const url = job.url && `${job.url}#step:${step.number}:1`;
    return this.#span({
      part,
      parent,
      name: step.name || part,
      from: step.startedAt,
      to: step.completedAt,
      conclusion: step.conclusion,
      attributes: {
        ...taskOf(step.name, `${job.jobId}/${step.number}`, url),
        ...resultOf(step.conclusion),
        "github.step.number": step.number,
      },
    });
  }

  #contextOf(part: string): SpanContext {
    return contextOf(this.key, part, this.#id);
  }

  #span({ part, parent, name, kind = SpanKind.INTERNAL, from, to, attributes, conclusion, links = [] }: Part): ReadableSpan {
    const context = this.#contextOf(part);
    const isError = conclusion !== undefined && endingOf(conclusion).isError;
    const end = Math.max(from, to);
    return {
      name,
      kind,
      spanContext: () => context,
      ...(parent === undefined ? {} : { parentSpanContext: this.#contextOf(parent) }),
      startTime: hrTime(from),
      endTime: hrTime(end),
      duration: hrTime(end - from),
      status: { code: isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
      attributes: {
        ...attributes,
        ...given("github.conclusion", conclusion ?? ""),
        ...(isError ? { "error.type": conclusion } : {}),
      },
      links,
      events: [],
      ended: true,
      resource: this.resource,
      instrumentationScope: SCOPE,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  }
}

const taskOf = (name: string, id: string, url: string): Attributes => ({
  "cicd.pipeline.task.name": name,
  "cicd.pipeline.task.run.id": id,
  ...given("cicd.pipeline.task.run.url.full", url),
});

const resultOf = (conclusion: string): Attributes => ({ "cicd.pipeline.task.run.result": endingOf(conclusion).result });

/** Marked as sampled. */
const contextOf = (key: AttemptKey, part: string, traceId = traceIdOf(key)): SpanContext => ({
  traceId,
  spanId: spanIdOf(key, part),
  traceFlags: TraceFlags.SAMPLED,
});

/** @param milliseconds since 1970, or between two times */
const hrTime = (milliseconds: number): HrTime => [Math.trunc(milliseconds / 1_000), (milliseconds % 1_000) * 1_000_000];
