import { JsonProjector } from "./json-projector.js";
import { ANY_OTHER, DEPLOYMENT, SELECTIONS } from "./selection.js";

const PROJECTORS = new Map(Object.entries(SELECTIONS).map(([event, selection]) => [event, new JsonProjector(selection)]));
const OTHERS = new JsonProjector(ANY_OTHER);
const DEPLOYING_JOBS = new JsonProjector({ ...SELECTIONS["workflow_job"], ...DEPLOYMENT });

/**
 * The projection of an authentic body, as it is stored: the few members that processing reads, as JSON in UTF-8. Null
 * where the body is not laid out as expected: then processing reads all of it.
 */
export function projectionOf(event: string, form: boolean, body: Buffer): Buffer | null {
  const json = form ? formPayload(body) : body;
  return (json && projectorOf(event, json).project(json)) ?? null;
}

/** The optional `deployment` is only looked for where its name is: a projector stops as soon as it has all. */
function projectorOf(event: string, json: Buffer): JsonProjector {
  if (event === "workflow_job" && json.includes('"deployment"')) return DEPLOYING_JOBS;
  return PROJECTORS.get(event) ?? OTHERS;
}

/** The JSON of an `application/x-www-form-urlencoded` body. */
export function formPayload(body: Buffer): Buffer | undefined {
  const payload = new URLSearchParams(body.toString("utf8")).get("payload");
  return payload === null ? undefined : Buffer.from(payload);
}
