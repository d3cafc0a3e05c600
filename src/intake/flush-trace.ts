import type { Span, SpanContext } from "@opentelemetry/api";
import type { Queryable } from "../database/index.js";
import { contextOf, end, now, type Tracing } from "../tracing/index.js";
import { firstTraceparents, type Pending } from "./accept.sql.js";

interface Traced {
  readonly pending: Pending;
  readonly context: SpanContext;
}

/** The id of a trace that a batch is about, where there is one. */
export const traceIdOf = (batch: readonly Pending[]): string | undefined =>
  contextOf(batch.find(({ delivery }) => delivery.traceparent !== undefined)?.delivery.traceparent)?.traceId;

/**
 * Stores a batch, with a trace of the flush and, in the trace of each delivery, the span `accept`: from when it began to wait
 * until the commit. They link to each other; one that was stored before links to the request that brought it first.
 * @returns what `store` returns
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

/** One at a time: the links of a storm of duplicates are not worth connections. */
let isAsking = false;

/** After the answer: nobody waits for it. */
async function recordRepeated(tracing: Tracing, on: Queryable, repeated: readonly Traced[], flush: Span, times: FlushTimes): Promise<void> {
  const ids = repeated.map(({ pending }) => pending.delivery.id);
  const first = isAsking ? new Map<string, string>() : await firstOf(on, ids);
  for (const one of repeated) {
    const before = contextOf(first.get(one.pending.delivery.id));
    recordAccept(tracing, one, flush, times, "duplicate", before ? [before] : []);
  }
}

async function firstOf(on: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  isAsking = true;
  try {
    return await firstTraceparents(on, ids);
  } catch {
    return new Map();
  } finally {
    isAsking = false;
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
