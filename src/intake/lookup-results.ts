import type { Queryable } from "../database/index.js";
import { acceptBatch } from "./accept.sql.js";
import { type LookupEvent, payloadEventOf, projectionOf } from "../events/index.js";

/** That of runs and jobs, unless it is configured otherwise. */
const LANE = 0;
/** Most answers in one statement. */
const BATCH = 200;

/** What GitHub answered when it was asked about a run or a job: an event like any other, but for `github_events_total`. */
export interface LookupResult {
  /** A GUID that carries the time of the question (version 1). */
  readonly id: string;
  readonly event: LookupEvent;
  /** In the form of the event's payload. */
  readonly payload: unknown;
}

/**
 * Puts answers into the inbox, in the transaction of `on`: processing applies them as it applies events.
 * @param keepFullBody whether somebody reads more of them than their projection
 */
export async function putLookupResults(on: Queryable, answers: readonly LookupResult[], keepFullBody = false): Promise<void> {
  for (let from = 0; from < answers.length; from += BATCH) {
    const batch = answers.slice(from, from + BATCH).map(({ id, event, payload }) => {
      // Octogauge reads no number beyond 2^53.
      const whole = Buffer.from(JSON.stringify(payload, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
      const projection = projectionOf(payloadEventOf(event), false, whole) ?? whole;
      const body = keepFullBody ? whole : projection;
      return { delivery: { id, event, hookId: null, form: false, body }, projection, priority: LANE };
    });
    await acceptBatch(
      on,
      batch.sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1)),
    );
  }
}
