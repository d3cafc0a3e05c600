import { Pruner } from "./pruner.js";
import { ANY_OTHER, DEPLOYMENT, SELECTIONS } from "./selection.js";

const PRUNERS = new Map(Object.entries(SELECTIONS).map(([event, selection]) => [event, new Pruner(selection)]));
const OTHERS = new Pruner(ANY_OTHER);
const DEPLOYING_JOBS = new Pruner({ ...SELECTIONS["workflow_job"], ...DEPLOYMENT });

/**
 * The projection of an authentic body, as it is stored: the few members that processing reads, as JSON in UTF-8. Null
 * where the body is not laid out as expected: then processing reads all of it.
 */
export function prune(event: string, form: boolean, body: Buffer): Buffer | null {
  const json = form ? formPayload(body) : body;
  return (json && prunerOf(event, json).prune(json)) ?? null;
}

/** The optional `deployment` is only looked for where its name is: a pruner stops as soon as it has all. */
function prunerOf(event: string, json: Buffer): Pruner {
  if (event === "workflow_job" && json.includes('"deployment"')) return DEPLOYING_JOBS;
  return PRUNERS.get(event) ?? OTHERS;
}

/** The JSON of an `application/x-www-form-urlencoded` body. */
export function formPayload(body: Buffer): Buffer | undefined {
  const payload = new URLSearchParams(body.toString("utf8")).get("payload");
  return payload === null ? undefined : Buffer.from(payload);
}
