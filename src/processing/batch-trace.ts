import { type Span, type SpanContext, SpanKind } from "@opentelemetry/api";
import type { Queryable } from "../database/index.js";
import type { Claimed } from "../queue/index.js";
import { contextOf, end, isSampled, now, type Tracing } from "../tracing/index.js";

interface Statement {
  readonly text: string;
  readonly at: number;
  readonly until: number;
}

/**
 * The spans of one processing transaction: a trace of the batch with its statements and, in the trace of each delivery that
 * is traced, `process` with its `claim` and `apply`, perhaps hours later and on another machine than its request. They
 * link to each other. Which deliveries these are is known once they are claimed; before that only times are kept.
 */
export class BatchTrace {
  readonly #began = now();
  #claimed = this.#began;
  readonly #statements: Statement[] = [];
  #batch: Span | undefined;
  #processed: readonly Span[] = [];

  /** @param attempt which one it is, for a delivery that failed before */
  constructor(
    private readonly tracing: Tracing,
    private readonly attempt?: number,
  ) {}

  /** The same transaction, looked at. */
  watch(transaction: Queryable): Queryable {
    return {
      query: async (text, values) => {
        if (this.#batch) return this.tracing.traced(transaction, this.#batch).query(text, values);
        const at = now();
        const result = await transaction.query(text, values);
        this.#statements.push({ text, at, until: now() });
        return result;
      },
    };
  }

  /** These deliveries are what it is about. */
  claimed(deliveries: readonly Claimed[]): void {
    const traced = deliveries.flatMap((delivery) => {
      const context = contextOf(delivery.traceparent);
      return context ? [{ delivery, context }] : [];
    });
    if (traced.length === 0) return;
    this.#claimed = now();
    const attributes = { "messaging.batch.message_count": deliveries.length };
    const batch = this.tracing.start("process batch", { at: this.#began, attributes, links: traced.map(({ context }) => context) });
    for (const { text, at, until } of this.#statements) this.tracing.statement(text, batch, at, undefined, until);
    this.#batch = batch;
    this.#processed = traced.map(({ delivery, context }) => this.#start(delivery, context, batch));
  }

  /** The id of a trace that is sampled, where there is one. */
  get traceId(): string | undefined {
    return this.#processed.map((span) => span.spanContext()).find(isSampled)?.traceId;
  }

  /** Its transaction was committed, or rolled back for an error. */
  ended(error?: unknown): void {
    if (!this.#batch) return;
    const until = now();
    for (const span of this.#processed) {
      const parent = span.spanContext();
      this.tracing.record("claim", { parent, at: this.#began }, this.#claimed);
      this.tracing.record("apply", { parent, at: this.#claimed }, until, error);
      end(span, until, error);
    }
    end(this.#batch, until, error);
  }

  #start({ id, event, receivedAt }: Claimed, parent: SpanContext, batch: Span): Span {
    return this.tracing.start(`process ${event}`, {
      kind: SpanKind.CONSUMER,
      parent,
      links: [batch.spanContext()],
      at: this.#began,
      attributes: {
        "octogauge.delivery.id": id,
        "octogauge.event": event,
        "octogauge.inbox.age": (this.#began - receivedAt) / 1_000,
        ...(this.attempt === undefined ? {} : { "octogauge.attempt": this.attempt }),
      },
    });
  }
}
