import { type EventType, values } from "./event-type.js";
import { label } from "./fields.js";

/** Any other event: `github_events_total` counts it. */
export interface OtherEvent {
  readonly kind: "other";
  readonly action: string;
}

export const other: EventType<OtherEvent> = {
  // Fair share and rate limits need the repository.
  selection: { ...values("action"), repository: values("full_name") },
  read: (payload) => ({ kind: "other", action: label(payload, "action") }),
  fold: () => undefined,
};
