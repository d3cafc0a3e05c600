import { Pruner } from "./pruner.js";
import { ANY_OTHER, SELECTIONS } from "./selection.js";

const PRUNERS = new Map(Object.entries(SELECTIONS).map(([event, selection]) => [event, new Pruner(selection)]));
const OTHERS = new Pruner(ANY_OTHER);

/**
 * The projection of an authentic body, as it is stored: the few members that processing reads, as JSON in UTF-8. Null
 * where the body is not laid out as expected: then processing reads all of it.
 */
export function prune(event: string, form: boolean, body: Buffer): Buffer | null {
  const json = form ? formPayload(body) : body;
  return (json && (PRUNERS.get(event) ?? OTHERS).prune(json)) ?? null;
}

/** The JSON of an `application/x-www-form-urlencoded` body. */
export function formPayload(body: Buffer): Buffer | undefined {
  const payload = new URLSearchParams(body.toString("utf8")).get("payload");
  return payload === null ? undefined : Buffer.from(payload);
}
