import { messageOf } from "../logging/index.js";
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { TracerProvider } from "@opentelemetry/sdk-trace";
import { withoutSecrets } from "../config/index.js";
import { now } from "./clock.js";

/** Options of a new span. */
export interface SpanStart {
  readonly kind?: SpanKind;
  /** Parent span; without one, the span starts a new trace. */
  readonly parent?: SpanContext | undefined;
  readonly links?: readonly SpanContext[];
  readonly attributes?: Attributes;
  /** Start time by {@link now}; default: the current time. */
  readonly at?: number | undefined;
}

/** Runs statements. */
interface Statements {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** The shutdown waits this long for the export of the last spans. */
const SHUTDOWN_TIMEOUT_MS = 3_000;

/**
 * Makes spans. Contexts are passed as arguments and stored with deliveries, because asynchronous context would slow down every
 * promise of the process, even without tracing.
 */
export class Tracing {
  readonly #tracer: Tracer | undefined;

  constructor(private readonly provider?: TracerProvider) {
    this.#tracer = provider?.getTracer("octogauge");
  }

  /** False if tracing is off; then {@link start} must not be called. */
  get isOn(): boolean {
    return this.#tracer !== undefined;
  }

  /** Starts a span. An unsampled span records nothing. */
  start(name: string, { kind = SpanKind.INTERNAL, parent, links = [], attributes = {}, at = now() }: SpanStart = {}): Span {
    if (!this.#tracer) throw new Error("tracing is off");
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
    return this.#tracer.startSpan(name, { kind, links: links.map((link) => ({ context: link })), attributes, startTime: at }, context);
  }

  /** Records a finished span. */
  record(name: string, start: SpanStart & { readonly at: number }, until: number, error?: unknown): Span {
    const span = this.start(name, start);
    end(span, until, error);
    return span;
  }

  /** Wraps a database so that each statement gets a span under `parent`. */
  traced(on: Statements, parent: Span): Statements {
    return {
      query: async (text, values) => {
        const at = now();
        try {
          const result = await on.query(text, values);
          this.statement(text, parent, at);
          return result;
        } catch (error) {
          this.statement(text, parent, at, error);
          throw error;
        }
      },
    };
  }

  /** Records the span of a finished statement. @param at start time. Attributes: https://opentelemetry.io/docs/specs/semconv/database/postgresql/ */
  statement(text: string, parent: Span, at: number, error?: unknown, until = now()): void {
    const summary = summaryOf(text);
    const { code } = (error ?? {}) as { code?: unknown };
    const attributes = {
      "db.system.name": "postgresql",
      "db.query.summary": summary,
      "db.query.text": text,
      ...(typeof code === "string" ? { "db.response.status_code": code } : {}),
    };
    this.record(summary, { kind: SpanKind.CLIENT, parent: parent.spanContext(), attributes, at }, until, error);
  }

  /** Exports the remaining spans. */
  async onApplicationShutdown(): Promise<void> {
    const last = this.provider?.forceFlush({ timeoutMillis: SHUTDOWN_TIMEOUT_MS }).then(() => this.provider?.shutdown());
    const timeout = new Promise((resolve) => setTimeout(resolve, SHUTDOWN_TIMEOUT_MS).unref());
    await Promise.race([last?.catch(() => undefined), timeout]);
  }
}

/** Ends a span and records the error, without secrets. */
export function end(span: Span, until = now(), error?: unknown): void {
  if (error !== undefined) {
    const { name, code } = (error ?? {}) as { name?: string; code?: string };
    span.setAttribute("error.type", code ?? name ?? "Error");
    span.setStatus({ code: SpanStatusCode.ERROR, message: withoutSecrets(messageOf(error)) });
  }
  span.end(until);
}

const summaries = new Map<string, string>();

/** The verbs and tables, or functions, of a statement, in order. Texts are constants, so the cache stays small. */
function summaryOf(text: string): string {
  let summary = summaries.get(text);
  if (summary === undefined) {
    const found = [...text.matchAll(/\b(INSERT INTO|DELETE FROM|UPDATE|FROM|JOIN|SELECT)\s+octogauge\.(\w+)/g)].map(
      ([, verb, table]) => `${verb === "FROM" || verb === "JOIN" ? "SELECT" : verb!.split(" ", 1)[0]} ${table}`,
    );
    summary = [...new Set(found)].join("; ") || (/^\s*(\w+)/.exec(text)?.[1] ?? "statement");
    summaries.set(text, summary);
  }
  return summary;
}
