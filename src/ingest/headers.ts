import type { IncomingHttpHeaders } from "node:http";
import { hookIdOf, isDeliveryId, isEventName } from "../intake/index.js";
import { type WebhookAnswer, problem } from "./answer.js";

/** The headers of a delivery. */
export interface DeliveryHeaders {
  readonly id: string;
  readonly event: string;
  readonly hookId: number | null;
  readonly form: boolean;
  readonly signature: string | undefined;
}

/** Reads the headers, or returns an error answer that names the wrong header. */
export function readHeaders(headers: IncomingHttpHeaders): DeliveryHeaders | WebhookAnswer {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    return problem(415, "content-encoding", "Content-Encoding must be identity: GitHub does not compress deliveries");
  }
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json" && type !== "application/x-www-form-urlencoded") {
    return problem(415, "content-type", "Content-Type must be application/json or application/x-www-form-urlencoded");
  }
  const id = single(headers["x-github-delivery"])?.toLowerCase();
  if (!id || !isDeliveryId(id))
    return problem(400, "delivery-header", `X-GitHub-Delivery is ${id ? "malformed" : "missing"}: it must be a GUID`);
  const event = single(headers["x-github-event"]);
  if (!event || !isEventName(event)) {
    return problem(
      400,
      "event-header",
      `X-GitHub-Event is ${event ? "malformed" : "missing"}: it must be an event name such as workflow_job`,
    );
  }
  const hook = single(headers["x-github-hook-id"]);
  const hookId = hookIdOf(hook ?? "") ?? null;
  return { id, event, hookId, form: type !== "application/json", signature: single(headers["x-hub-signature-256"]) };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
