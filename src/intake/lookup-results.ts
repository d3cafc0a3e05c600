import type { Queryable } from "../database/index.js";
import { acceptBatch } from "./accept.sql.js";
import { type LookupEvent, payloadEventOf, projectionOf } from "../events/index.js";

/** The default lane of runs and jobs. */
const LANE = 0;
/** Maximum number of lookup results per statement. */
const BATCH = 200;

/** GitHub's REST answer about a run or a job. Processed like an event, but not counted in `github_events_total`. */
export interface LookupResult {
  /** A version-1 GUID with the time of the request. */
  readonly id: string;
  readonly event: LookupEvent;
  /** Has the layout of the event's payload. */
  readonly payload: unknown;
}

/**
 * Stores lookup results in the inbox, in the transaction of `on`; processing applies them like events.
 * @param keepFullBody stores the full payload instead of the projection
 */
export async function putLookupResults(on: Queryable, results: readonly LookupResult[], keepFullBody = false): Promise<void> {
  for (let from = 0; from < results.length; from += BATCH) {
    const batch = results.slice(from, from + BATCH).map(({ id, event, payload }) => {
      // Octogauge reads no number beyond 2^53, so bigints may become strings.
      const fullBody = Buffer.from(JSON.stringify(payload, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
      const projection = projectionOf(payloadEventOf(event), false, fullBody) ?? fullBody;
      const body = keepFullBody ? fullBody : projection;
      return { delivery: { id, event, hookId: null, form: false, body }, projection, priority: LANE };
    });
    await acceptBatch(
      on,
      batch.sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1)),
    );
  }
}
