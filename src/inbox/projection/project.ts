import { type Fields, label, maybeObject, repository, UnexpectedPayload } from "./fields.js";
import { parseUpToOwner } from "./partial-parse.js";
import type { Projection, PullRequestProjection, PushProjection } from "./projection.js";
import { projectWorkflowJob, projectWorkflowRun } from "./workflow-events.js";

const EXTRACTORS: Readonly<Record<string, (payload: Fields) => Projection>> = {
  workflow_job: projectWorkflowJob,
  workflow_run: projectWorkflowRun,
  push: projectPush,
  pull_request: projectPullRequest,
};

/**
 * Reads the projection of an authentic body.
 * @throws {UnexpectedPayload} saying what is not as expected
 */
export function project(event: string, form: boolean, body: Buffer): Projection {
  const payload = partly(event, form, body) ?? parse(form ? formPayload(body) : body.toString("utf8"));
  const extract = Object.hasOwn(EXTRACTORS, event) ? EXTRACTORS[event] : undefined;
  return extract ? extract(payload) : { kind: "other", action: label(payload, "action") };
}

/** The projection as it is stored, or null where the body is not as expected: then processing decides. */
export function tryProject(event: string, form: boolean, body: Buffer): string | null {
  try {
    return JSON.stringify(project(event, form, body));
  } catch (error) {
    if (error instanceof UnexpectedPayload) return null;
    throw error;
  }
}

/** The most frequent event is read in part; what it lacks then is not in the projection. */
function partly(event: string, form: boolean, body: Buffer): Fields | undefined {
  return event === "workflow_job" && !form ? parseUpToOwner(body) : undefined;
}

function parse(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnexpectedPayload("the body is not JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new UnexpectedPayload("the body is not a JSON object");
  return value as Fields;
}

function formPayload(body: Buffer): string {
  const payload = new URLSearchParams(body.toString("utf8")).get("payload");
  if (payload === null) throw new UnexpectedPayload("the form has no payload field");
  return payload;
}

function projectPush(payload: Fields): PushProjection {
  const commits = payload["commits"];
  return {
    kind: "push",
    action: label(payload, "action"),
    repository: repository(payload),
    ref: label(payload, "ref"),
    commits: Array.isArray(commits) ? commits.length : 0,
  };
}

function projectPullRequest(payload: Fields): PullRequestProjection {
  const base = maybeObject(maybeObject(payload, "pull_request") ?? {}, "base");
  return { kind: "pull_request", action: label(payload, "action"), repository: repository(payload), baseBranch: label(base, "ref") };
}
