import type { Span, SpanContext } from "@opentelemetry/api";
import type { Queryable } from "../database/index.js";
import { contextOf, end, now, type Tracing } from "../tracing/index.js";
import { firstTraceparents, type Pending } from "./accept.sql.js";

interface Traced {
  readonly pending: Pending;
  readonly context: SpanContext;
}

/** The trace id of the first traced delivery of a batch; used as exemplar. */
export const traceIdOf = (batch: readonly Pending[]): string | undefined =>
  contextOf(batch.find(({ delivery }) => delivery.traceparent !== undefined)?.delivery.traceparent)?.traceId;

/**
 * Stores a batch with a trace of the flush, and a span `accept` (wait and commit) in the trace of each delivery.
 * Both link to each other; the span of a duplicate also links to the first request of that delivery.
 * @returns the result of `store`
 */
export async function tracedFlush(
  tracing: Tracing,
  on: Queryable,
  batch: readonly Pending[],
  store: (on: Queryable) => Promise<Set<string>>,
): Promise<Set<string>> {
  const traced = tracing.isOn ? tracedOf(batch) : [];
  if (traced.length === 0) return store(on);
  const at = now();
  const attributes = { "messaging.batch.message_count": batch.length };
  const flush = tracing.start("flush", { at, attributes, links: traced.map(({ context }) => context) });
  try {
    const known = await store(tracing.traced(on, flush));
    const until = now();
    end(flush, until);
    const isNew = ({ pending }: Traced) => !known.has(pending.delivery.id);
    for (const one of traced) if (isNew(one)) recordAccept(tracing, one, flush, { at, until }, "accepted");
    const repeated = traced.filter((one) => !isNew(one));
    if (repeated.length > 0) void recordRepeated(tracing, on, repeated, flush, { at, until }).catch(() => undefined);
    return known;
  } catch (error) {
    const until = now();
    end(flush, until, error);
    for (const one of traced) recordAccept(tracing, one, flush, { at, until }, "failed", [], error);
    throw error;
  }
}

const tracedOf = (batch: readonly Pending[]): Traced[] =>
  batch.flatMap((pending) => {
    const context = contextOf(pending.delivery.traceparent);
    return context ? [{ pending, context }] : [];
  });

/** One lookup at a time: during a storm of duplicates, links are not worth more connections. */
let isLookingUp = false;

/** Runs after the answer was sent, so it delays no sender. */
async function recordRepeated(tracing: Tracing, on: Queryable, repeated: readonly Traced[], flush: Span, times: FlushTimes): Promise<void> {
  const ids = repeated.map(({ pending }) => pending.delivery.id);
  const first = isLookingUp ? new Map<string, string>() : await firstOf(on, ids);
  for (const one of repeated) {
    const before = contextOf(first.get(one.pending.delivery.id));
    recordAccept(tracing, one, flush, times, "duplicate", before ? [before] : []);
  }
}

async function firstOf(on: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  isLookingUp = true;
  try {
    return await firstTraceparents(on, ids);
  } catch {
    return new Map();
  } finally {
    isLookingUp = false;
  }
}

interface FlushTimes {
  readonly at: number;
  readonly until: number;
}

function recordAccept(
  tracing: Tracing,
  { pending: { delivery, since }, context }: Traced,
  flush: Span,
  { at, until }: FlushTimes,
  outcome: string,
  before: readonly SpanContext[] = [],
  error?: unknown,
): void {
  const attributes = { "octogauge.delivery.id": delivery.id, "octogauge.event": delivery.event, "octogauge.outcome": outcome };
  tracing.record("accept", { parent: context, links: [flush.spanContext(), ...before], attributes, at: since ?? at }, until, error);
}
