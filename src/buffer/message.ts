import { contextOf, traceparentOf } from "../tracing/index.js";
import { type Delivery, hookIdOf, isDeliveryId, isEventName } from "../intake/index.js";

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

/** Everything but the body that the inbox needs, by GitHub's header names if there is one. Values are ASCII. */
export function fieldsOf(delivery: Delivery): Readonly<Record<string, string>> {
  return {
    "X-GitHub-Delivery": delivery.id,
    "X-GitHub-Event": delivery.event,
    ...(delivery.hookId === null ? {} : { "X-GitHub-Hook-ID": String(delivery.hookId) }),
    "Content-Type": delivery.form ? FORM_TYPE : JSON_TYPE,
    ...(delivery.signature === undefined ? {} : { "X-Hub-Signature-256": delivery.signature }),
    ...(delivery.traceparent === undefined ? {} : { traceparent: delivery.traceparent }),
    "Octogauge-Received-At": String(delivery.receivedAt ?? Date.now()),
  };
}

/** Reads the delivery of a message; undefined if {@link fieldsOf} did not write it. */
export function deliveryOf(field: (name: string) => string | undefined, body: Buffer): Delivery | undefined {
  const [id, event, type] = [field("X-GitHub-Delivery"), field("X-GitHub-Event"), field("Content-Type")];
  const receivedAt = wholeNumber(field("Octogauge-Received-At"));
  const hook = field("X-GitHub-Hook-ID");
  const hookId = hook ? hookIdOf(hook) : null;
  if (!id || !isDeliveryId(id) || !event || !isEventName(event)) return undefined;
  if ((type !== JSON_TYPE && type !== FORM_TYPE) || receivedAt === undefined || hookId === undefined) return undefined;
  const signature = field("X-Hub-Signature-256") || undefined;
  const context = contextOf(field("traceparent"));
  const traceparent = context && traceparentOf(context);
  return { id, event, hookId, form: type === FORM_TYPE, body, signature, receivedAt, traceparent };
}

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
