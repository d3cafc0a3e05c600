import { Inject, Injectable, Logger } from "@nestjs/common";
import type { IncomingMessage } from "node:http";
import { CONFIG, type Config, LiveConfig } from "../config/index.js";
import { type Delivery, Intake, receivedFields, signingSecret } from "../intake/index.js";
import { deliveryLevel, logEntry, type LogFields, Outage } from "../logging/index.js";
import { type Admission, AdmissionControl } from "./admission.js";
import { ACCEPTED, type WebhookAnswer, DUPLICATE, LATE, NOT_STORED, problem, TOO_MANY, TOO_MUCH, TOO_SLOW } from "./answer.js";
import { watchBody } from "./body-clock.js";
import { type DeliveryHeaders, readHeaders } from "./headers.js";
import { IngestMetrics } from "./ingest.metrics.js";
import { RawBody } from "./raw-body.js";
import type { RequestTrace } from "./request-trace.js";

/** Collects the verified delivery for the log line of a request. */
interface RequestLog {
  delivery?: Delivery;
}

/** Handles `POST /webhook`: checks headers, raw body and HMAC, then stores the delivery. */
@Injectable()
export class WebhookHandler {
  readonly #logger = new Logger("ingest");
  readonly #outage = new Outage(this.#logger);
  /** Log level for each delivery; undefined to log none. */
  readonly #level: "log" | "debug" | undefined;

  constructor(
    private readonly inbox: Intake,
    private readonly admission: AdmissionControl,
    private readonly metrics: IngestMetrics,
    private readonly live: LiveConfig,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    metrics.watch(admission);
    this.#level = deliveryLevel(config, "ingest");
  }

  /** The answer to `POST /webhook`; never throws, and answers within REQUEST_TIMEOUT. */
  receive(request: IncomingMessage, trace?: RequestTrace): Promise<WebhookAnswer> {
    return this.#level === undefined ? this.#answer(request, trace) : this.#answerAndLog(request, trace, this.#level);
  }

  async #answerAndLog(request: IncomingMessage, trace: RequestTrace | undefined, level: "log" | "debug"): Promise<WebhookAnswer> {
    const began = performance.now();
    const log: RequestLog = {};
    const answer = await this.#answer(request, trace, log);
    this.#logger[level](
      logEntry(answer.status === 202 ? "a delivery was accepted" : "a delivery was refused", {
        ...fieldsOf(request, log),
        outcome: answer.reason,
        status: answer.status,
        duration_seconds: (performance.now() - began) / 1_000,
        bytes: log.delivery?.body.length,
      }),
    );
    return answer;
  }

  async #answer(request: IncomingMessage, trace?: RequestTrace, log?: RequestLog): Promise<WebhookAnswer> {
    const headers = readHeaders(request.headers);
    if ("status" in headers) return headers;
    if (headers.signature === undefined) return unauthorized("X-Hub-Signature-256 is missing: set a secret on the webhook");
    const length = Number(request.headers["content-length"] ?? 0);
    if (length > this.config.MAX_BODY_BYTES) return this.#tooLarge();
    const admission = this.admission.admit();
    if (!admission) return TOO_MANY;
    const body = new RawBody(request, this.config.MAX_BODY_BYTES, admission);
    return this.#withinDeadline(body, this.#take(body, headers, trace, log), admission);
  }

  async #take({ whole }: RawBody, headers: DeliveryHeaders, trace?: RequestTrace, log?: RequestLog): Promise<WebhookAnswer> {
    const body = await whole;
    if (body === "too-large") return this.#tooLarge();
    if (body === "over-budget") return TOO_MUCH;
    if (body === "too-slow") return TOO_SLOW;
    if (body === "late") return LATE;
    if (body === "aborted") return problem(400, "aborted", "the body ended early");
    trace?.received();
    const secret = signingSecret(this.live.webhookSecrets, headers.signature, body);
    if (secret === -1) return unauthorized("X-Hub-Signature-256 does not match the body and the secret");
    this.metrics.secretUsed(secret);
    const traceparent = trace?.verified(headers, body.length);
    const { id, event, hookId, form, signature } = headers;
    const delivery: Delivery = { id, event, hookId, form, body, signature, traceparent };
    if (log) log.delivery = delivery;
    const wait = this.admission.waitOf(secret, delivery);
    if (wait > 0) return limited(wait);
    try {
      const outcome = await this.inbox.accept(delivery);
      this.#outage.worked();
      return outcome === "accepted" ? ACCEPTED : DUPLICATE;
    } catch (error) {
      this.#outage.failed(logEntry("a delivery could not be stored", { ...receivedFields(delivery), error }));
      return NOT_STORED;
    }
  }

  /**
   * Releases the admission when the work ends, not when the sender gets its answer: a delivery that waits for a hung database
   * still takes memory.
   */
  #withinDeadline(body: RawBody, work: Promise<WebhookAnswer>, admission: Admission): Promise<WebhookAnswer> {
    return new Promise((resolve) => {
      const unwatch = watchBody(body, this.config, () => resolve(LATE));
      const end = (answer: WebhookAnswer) => {
        unwatch();
        admission.release();
        resolve(answer);
      };
      work.then(end, (error: unknown) => {
        this.#logger.error(logEntry("a delivery failed with an unexpected error", { error }));
        end(NOT_STORED);
      });
    });
  }

  #tooLarge(): WebhookAnswer {
    return problem(413, "too-large", `the body is over ${this.config.MAX_BODY_BYTES} bytes`, ["connection", "close"]);
  }
}

/** Without a valid signature there is no delivery, so the fields come from the unverified headers. */
function fieldsOf(request: IncomingMessage, { delivery }: RequestLog): LogFields {
  if (delivery) return receivedFields(delivery);
  const headers = readHeaders(request.headers);
  return "status" in headers ? {} : { delivery_id: headers.id, event: headers.event };
}

function limited(seconds: number): WebhookAnswer {
  return problem(429, "hook-limit", "this owner's webhooks send more than INGEST_RATE_LIMIT; send this delivery again later", [
    "retry-after",
    String(seconds),
  ]);
}

function unauthorized(detail: string): WebhookAnswer {
  return problem(401, "signature", detail);
}
