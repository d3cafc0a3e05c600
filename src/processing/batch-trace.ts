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
 * Spans of one processing transaction: a trace of the batch with its statements, and a `process` span with `claim` and
 * `apply` in the trace of each delivery, linked to each other. Until the claim only times are recorded, because the
 * deliveries are not known yet.
 */
export class BatchTrace {
  readonly #began = now();
  #claimed = this.#began;
  readonly #statements: Statement[] = [];
  #batch: Span | undefined;
  #processed: readonly Span[] = [];

  /** @param attempt number of the attempt, for a delivery that failed before */
  constructor(
    private readonly tracing: Tracing,
    private readonly attempt?: number,
  ) {}

  /** Returns the transaction with its statements recorded. */
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

  /** Starts the spans, once the deliveries are known. */
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

  /** The id of the first sampled trace, if any. */
  get traceId(): string | undefined {
    return this.#processed.map((span) => span.spanContext()).find(isSampled)?.traceId;
  }

  /** Ends the spans after the commit, or with the error after a rollback. */
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
