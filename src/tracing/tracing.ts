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

/** How a span begins. */
export interface SpanStart {
  readonly kind?: SpanKind;
  /** Whose child it is; without one it begins a trace. */
  readonly parent?: SpanContext | undefined;
  readonly links?: readonly SpanContext[];
  readonly attributes?: Attributes;
  /** When, by now(); just now, where it is not said. */
  readonly at?: number | undefined;
}

/** What can run a statement. */
interface Asked {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** How long a stop waits for the last spans to be sent. Milliseconds. */
const LAST_EXPORT = 3_000;

/**
 * Makes spans. The contexts are handed on as arguments and with the deliveries, not found by asynchronous context: that would
 * cost every promise of the process something, also where nothing is traced.
 */
export class Tracing {
  readonly #tracer: Tracer | undefined;

  constructor(private readonly provider?: TracerProvider) {
    this.#tracer = provider?.getTracer("octogauge");
  }

  /** Whether there is any need to ask for spans. */
  get isOn(): boolean {
    return this.#tracer !== undefined;
  }

  /** Begins a span; where it is not sampled it records nothing. */
  start(name: string, { kind = SpanKind.INTERNAL, parent, links = [], attributes = {}, at = now() }: SpanStart = {}): Span {
    if (!this.#tracer) throw new Error("tracing is off");
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
    return this.#tracer.startSpan(name, { kind, links: links.map((link) => ({ context: link })), attributes, startTime: at }, context);
  }

  /** A span that is over. */
  record(name: string, start: SpanStart & { readonly at: number }, until: number, error?: unknown): Span {
    const span = this.start(name, start);
    end(span, until, error);
    return span;
  }

  /** The same database, with a span under `parent` for each statement. */
  traced(on: Asked, parent: Span): Asked {
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

  /** A statement that is over: `at` is when it began. By https://opentelemetry.io/docs/specs/semconv/database/postgresql/ */
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

  /** Sends what is left. */
  async onApplicationShutdown(): Promise<void> {
    const last = this.provider?.forceFlush({ timeoutMillis: LAST_EXPORT }).then(() => this.provider?.shutdown());
    const patience = new Promise((resolve) => setTimeout(resolve, LAST_EXPORT).unref());
    await Promise.race([last?.catch(() => undefined), patience]);
  }
}

/** Ends a span; with an error, it says so, without what is a secret. */
export function end(span: Span, until = now(), error?: unknown): void {
  if (error !== undefined) {
    const { name, code } = (error ?? {}) as { name?: string; code?: string };
    span.setAttribute("error.type", code ?? name ?? "Error");
    span.setStatus({ code: SpanStatusCode.ERROR, message: withoutSecrets(messageOf(error)) });
  }
  span.end(until);
}

const summaries = new Map<string, string>();

/** What a statement does: the verbs and tables, or the functions, in their order. The texts are constants of the code, so they are few. */
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
