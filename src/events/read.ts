import { type GitHubEvent, readEvent } from "./event-types.js";
import { type JsonObject, UnexpectedPayload } from "./fields.js";
import { formPayload } from "./project.js";

/**
 * Reads a stored projection.
 * @throws {UnexpectedPayload} naming the member that is not as expected
 */
export function readProjection(event: string, json: string): GitHubEvent {
  return readEvent(event, parse(json), true);
}

/**
 * Reads the body of a delivery.
 * @throws {UnexpectedPayload} naming the member that is not as expected
 */
export function readBody(event: string, form: boolean, body: Buffer): GitHubEvent {
  return readEvent(event, parseBody(form, body));
}

/**
 * The JSON of a body.
 * @throws {UnexpectedPayload} if it is not an object
 */
export function parseBody(form: boolean, body: Buffer): JsonObject {
  const json = form ? formPayload(body) : body;
  if (!json) throw new UnexpectedPayload("the form has no payload field");
  return parse(json.toString("utf8"));
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
