import { Inject, Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { CONFIG, type Config } from "../config/index.js";
import { Tracing } from "../tracing/index.js";
import { type WebhookAnswer, NOT_ALLOWED, problem, send, TOO_MANY, TOO_MUCH } from "./answer.js";
import { IngestMetrics } from "./ingest.metrics.js";
import { RequestTrace } from "./request-trace.js";
import { Senders } from "./senders.js";

import { WebhookHandler } from "./webhook-handler.js";
import { YieldQueue } from "./yield-queue.js";

/** A refused sender has this long to read the answer before its connection is destroyed. */
const LINGER_MS = 1_000;
const HEADERS_TIMEOUT_MS = 5_000;
/** Pending connections. With node's default of 511, connections beyond it waited up to 23 s for a TCP retry. */
const BACKLOG = 4_096;

/**
 * The public listener: a plain HTTP server with one route. A web framework would halve the rate of acknowledged deliveries
 * (docs/adr/0002).
 */
@Injectable()
export class PublicListener implements OnModuleDestroy {
  readonly #logger = new Logger("ingest");
  readonly #server: Server;
  /**
   * Number of unanswered requests per connection. The map changes only with connections: a set of busy connections changes with each
   * request and doubled the garbage (bench/NOTES.md).
   */
  readonly #open = new Map<Socket, { requests: number }>();
  readonly #overloadAnswers = new YieldQueue();
  #draining = false;

  constructor(
    private readonly handler: WebhookHandler,
    private readonly senders: Senders,
    private readonly metrics: IngestMetrics,
    private readonly tracing: Tracing,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.#server = createServer(
      {
        // Ends requests of slow senders, independent of the webhook handler.
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: Math.max(HEADERS_TIMEOUT_MS, (this.config.REQUEST_TIMEOUT + 1) * 1_000),
        connectionsCheckingInterval: 1_000,
        // Longer than the load balancer's, so that the balancer closes idle connections, not this server.
        keepAliveTimeout: this.config.KEEP_ALIVE_TIMEOUT * 1_000,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.on("connection", (socket) => {
      this.#open.set(socket, { requests: 0 });
      this.#overloadAnswers.shorten();
      socket.once("close", () => this.#open.delete(socket));
    });
  }

  /** @throws if the port is in use */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port: this.config.PORT, host: this.config.HOST, backlog: BACKLOG }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#logger.log(`taking deliveries at ${this.url}`);
  }

  /** The webhook URL; only after {@link listen}. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    const host = address === "0.0.0.0" || address === "::" ? "localhost" : family === "IPv6" ? `[${address}]` : address;
    return `http://${host}:${port}${this.config.WEBHOOK_PATH}`;
  }

  /**
   * Accepts no new connections and finishes open requests. Idle connections are destroyed after a second, because a silent one
   * would block the shutdown; busy ones after REQUEST_TIMEOUT.
   */
  async onModuleDestroy(): Promise<void> {
    if (!this.#server.listening) return;
    this.#draining = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const timers = [
      setTimeout(() => {
        for (const [socket, { requests }] of this.#open) if (requests === 0) socket.destroy();
      }, LINGER_MS),
      setTimeout(() => this.#server.closeAllConnections(), this.config.REQUEST_TIMEOUT * 1_000 + LINGER_MS),
    ];
    await closed;
    for (const timer of timers) clearTimeout(timer);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const connection = this.#open.get(request.socket);
    // Decide on arrival: all pipelined requests of one read arrive before the first one is routed.
    const isFirst = connection?.requests === 0;
    if (connection) {
      connection.requests += 1;
      response.once("close", () => (connection.requests -= 1));
    }
    const trace = this.tracing.isOn ? new RequestTrace(this.tracing, request, this.config.TRUST_TRACEPARENT === "on") : undefined;
    const answer = await this.#route(request, trace);
    // Only the first request of a connection waits: node stops reading from a connection with queued answers.
    if ((answer === TOO_MANY || answer === TOO_MUCH) && isFirst) await this.#yield(request);
    if (this.#draining) response.setHeader("connection", "close");
    send(response, answer);
    this.metrics.answered(answer, (performance.now() - began) / 1_000, trace?.answered(answer));
    if (!request.complete && !request.destroyed) cutOff(request);
  }

  /** Delays overload answers, which come by the thousand, so that accepted deliveries are acknowledged first. */
  #yield(request: IncomingMessage): Promise<void> {
    // Discard the body instead of buffering it.
    request.resume();
    return this.#overloadAnswers.next();
  }

  async #route(request: IncomingMessage, trace?: RequestTrace): Promise<WebhookAnswer> {
    const path = request.url?.split("?", 1)[0];
    const { WEBHOOK_PATH } = this.config;
    if (path !== WEBHOOK_PATH && path !== `${WEBHOOK_PATH}/`)
      return problem(404, "path", `not found; the only route is POST ${WEBHOOK_PATH}`);
    if (request.method !== "POST") return problem(405, "method", "use POST", ["allow", "POST"]);
    if (!this.senders.allow(request)) return NOT_ALLOWED;
    return this.handler.receive(request, trace);
  }
}

/** Discards the rest of a refused body, and disconnects a sender that continues. */
function cutOff(request: IncomingMessage): void {
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  request.once("end", () => clearTimeout(timer));
}
