import { type Span, SpanKind } from "@opentelemetry/api";
import type { IncomingMessage } from "node:http";
import { contextOf, end, isSampled, now, traceparentOf, type Tracing } from "../tracing/index.js";
import type { WebhookAnswer } from "./answer.js";
import type { DeliveryHeaders } from "./headers.js";

/**
 * The spans of one request. They start after the HMAC check, so that unauthenticated requests export nothing; metrics and log
 * lines cover those. Attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
export class RequestTrace {
  readonly #began = now();
  #received = this.#began;
  #span: Span | undefined;

  constructor(
    private readonly tracing: Tracing,
    private readonly request: IncomingMessage,
    /** True to accept the `traceparent` header, which is not signed. */
    private readonly isTrusted: boolean,
  ) {}

  /** Call when the body is complete. */
  received(): void {
    this.#received = now();
  }

  /**
   * Call when the signature is valid.
   * @returns the trace context to store with the delivery; undefined if it is not sampled
   */
  verified({ id, event }: DeliveryHeaders, bytes: number): string | undefined {
    const verified = now();
    this.#span = this.tracing.start("POST /webhook", {
      kind: SpanKind.SERVER,
      parent: this.isTrusted ? contextOf(one(this.request.headers["traceparent"])) : undefined,
      at: this.#began,
      attributes: { "http.request.method": "POST", "http.route": "/webhook", "url.path": "/webhook", "url.scheme": "http" },
    });
    const context = this.#span.spanContext();
    if (!isSampled(context)) return undefined;
    this.#span.setAttributes({ "octogauge.delivery.id": id, "octogauge.event": event, "http.request.body.size": bytes });
    this.tracing.record("receive", { parent: context, at: this.#began }, this.#received);
    this.tracing.record("verify", { parent: context, at: this.#received }, verified);
    return traceparentOf(context);
  }

  /** @returns the trace id, if the trace is sampled */
  answered({ status, reason }: WebhookAnswer): string | undefined {
    const span = this.#span;
    if (!span) return undefined;
    const context = span.spanContext();
    if (!isSampled(context)) return undefined;
    span.setAttributes({ "http.response.status_code": status, "octogauge.outcome": reason });
    end(span, now(), status >= 500 ? new RefusedRequest(String(status), reason) : undefined);
    return context.traceId;
  }
}

class RefusedRequest extends Error {
  constructor(
    readonly code: string,
    reason: string,
  ) {
    super(reason);
  }
}

const one = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? header[0] : header);
