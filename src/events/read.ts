import { payloadEventOf } from "../intake/delivery.js";
import { type JsonObject, label, maybeObject, repository, UnexpectedPayload } from "./fields.js";
import type { Projection, PullRequestProjection, PushProjection } from "./projection.js";
import { formPayload } from "./project.js";
import { projectWorkflowJob, projectWorkflowRun } from "./workflow-events.js";

/** A stored projection has the number of an array's elements in the place of the array, which a body must not pretend. */
type Reader = (payload: JsonObject, isStored: boolean) => Projection;

const READERS: Readonly<Record<string, Reader>> = {
  workflow_job: projectWorkflowJob,
  workflow_run: projectWorkflowRun,
  push: projectPush,
  pull_request: projectPullRequest,
};

/**
 * Reads a stored projection.
 * @throws {UnexpectedPayload} saying what is not as expected
 */
export function readProjection(event: string, json: string): Projection {
  return project(event, parse(json), true);
}

/**
 * Reads the body of a delivery.
 * @throws {UnexpectedPayload} saying what is not as expected
 */
export function readBody(event: string, form: boolean, body: Buffer): Projection {
  return project(event, parseBody(form, body));
}

/**
 * The JSON of a body.
 * @throws {UnexpectedPayload} where it is no object
 */
export function parseBody(form: boolean, body: Buffer): JsonObject {
  const json = form ? formPayload(body) : body;
  if (!json) throw new UnexpectedPayload("the form has no payload field");
  return parse(json.toString("utf8"));
}

/**
 * Of a whole payload, unless it is a stored projection.
 * @throws {UnexpectedPayload} saying what is not as expected
 */
export function project(event: string, payload: JsonObject, isStored = false): Projection {
  const name = payloadEventOf(event);
  const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  return reader ? reader(payload, isStored) : { kind: "other", action: label(payload, "action") };
}

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnexpectedPayload("the body is not JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new UnexpectedPayload("the body is not a JSON object");
  return value as JsonObject;
}

function projectPush(payload: JsonObject, isStored: boolean): PushProjection {
  const commits = payload["commits"];
  return {
    kind: "push",
    action: label(payload, "action"),
    repository: repository(payload),
    ref: label(payload, "ref"),
    commits: Array.isArray(commits) ? commits.length : isStored && typeof commits === "number" ? commits : 0,
  };
}

function projectPullRequest(payload: JsonObject): PullRequestProjection {
  const base = maybeObject(maybeObject(payload, "pull_request") ?? {}, "base");
  return { kind: "pull_request", action: label(payload, "action"), repository: repository(payload), baseBranch: label(base, "ref") };
}
