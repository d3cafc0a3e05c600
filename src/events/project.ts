import { EVENT_TYPES } from "./event-types.js";
import type { EventFields, EventType } from "./event-type.js";
import { JsonProjector } from "./json-projector.js";

interface Projectors {
  readonly plain: JsonProjector;
  /** Used where the body contains the name of an optional member. */
  readonly withOptional?: { readonly names: readonly string[]; readonly projector: JsonProjector };
}

const PROJECTORS = new Map(Object.entries<EventType<EventFields>>(EVENT_TYPES).map(([name, type]) => [name, projectorsOf(type)]));
const OTHER = projectorsOf(EVENT_TYPES.other);

function projectorsOf({ selection, optional }: EventType<EventFields>): Projectors {
  const plain = new JsonProjector(selection);
  if (!optional) return { plain };
  const names = Object.keys(optional).map((name) => `"${name}"`);
  return { plain, withOptional: { names, projector: new JsonProjector({ ...selection, ...optional }) } };
}

/**
 * The projection of an authentic body: the members that processing reads, as JSON in UTF-8. Null if the body is not as expected;
 * processing then reads the whole body.
 */
export function projectionOf(event: string, form: boolean, body: Buffer): Buffer | null {
  const json = form ? formPayload(body) : body;
  return (json && projectorFor(event, json).project(json)) ?? null;
}

/** A projector stops after its last member, so optional members are selected only if their name occurs. */
function projectorFor(event: string, json: Buffer): JsonProjector {
  const { plain, withOptional } = PROJECTORS.get(event) ?? OTHER;
  return withOptional?.names.some((name) => json.includes(name)) ? withOptional.projector : plain;
}

/** The JSON of an `application/x-www-form-urlencoded` body. */
export function formPayload(body: Buffer): Buffer | undefined {
  const payload = new URLSearchParams(body.toString("utf8")).get("payload");
  return payload === null ? undefined : Buffer.from(payload);
}
