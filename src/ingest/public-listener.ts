import { Inject, Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { CONFIG, type Config } from "../config/config.js";
import { Tracing } from "../tracing/tracing.js";
import { type WebhookAnswer, NOT_ALLOWED, problem, send, TOO_MANY, TOO_MUCH } from "./answer.js";
import { IngestMetrics } from "./ingest.metrics.js";
import { RequestTrace } from "./request-trace.js";
import { Senders } from "./senders.js";
import { Turns } from "./turns.js";
import { WebhookHandler } from "./webhook-handler.js";

/** How long a refused sender may go on reading our answer before the connection is cut. Milliseconds. */
const LINGER_MS = 1_000;
const HEADERS_TIMEOUT_MS = 5_000;
/** Connections that wait to be taken; with node's 511, thousands that came at once waited for TCP to try again, for up to 23 s. */
const BACKLOG = 4_096;

/**
 * The public listener: a plain HTTP server with one route. Between the Internet and the inbox there is no
 * framework; it would cost more than half of the acknowledgements (docs/adr/0002).
 */
@Injectable()
export class PublicListener implements OnModuleDestroy {
  readonly #logger = new Logger("ingest");
  readonly #server: Server;
  /**
   * Requests of each connection that are not answered yet. It changes with connections only: a set of the busy ones, which
   * changed with each request, cost as much garbage that outlived its time as everything else (bench/NOTES.md).
   */
  readonly #open = new Map<Socket, { requests: number }>();
  readonly #turnedAway = new Turns();
  #draining = false;

  constructor(
    private readonly controller: WebhookHandler,
    private readonly senders: Senders,
    private readonly metrics: IngestMetrics,
    private readonly tracing: Tracing,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.#server = createServer(
      {
        // Slow senders: a head or a body that trickles is cut off, whatever the controller does.
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: Math.max(HEADERS_TIMEOUT_MS, (this.config.REQUEST_TIMEOUT + 1) * 1_000),
        connectionsCheckingInterval: 1_000,
        // Longer than a load balancer's, so that the balancer is the one that closes idle connections.
        keepAliveTimeout: this.config.KEEP_ALIVE_TIMEOUT * 1_000,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.on("connection", (socket) => {
      this.#open.set(socket, { requests: 0 });
      this.#turnedAway.shorten();
      socket.once("close", () => this.#open.delete(socket));
    });
  }

  /** @throws where the port is taken */
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

  /** Where deliveries go, once it listens. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    const host = address === "0.0.0.0" || address === "::" ? "localhost" : family === "IPv6" ? `[${address}]` : address;
    return `http://${host}:${port}${this.config.WEBHOOK_PATH}`;
  }

  /**
   * Takes no new connection and finishes the requests under way. Connections without a request are cut after a moment,
   * since a silent one could hold the stop up for ever; those with one, when their request must have been answered.
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
    // By arrival: of those that come in one read, all arrive before the first is routed.
    const isFirst = connection?.requests === 0;
    if (connection) {
      connection.requests += 1;
      response.once("close", () => (connection.requests -= 1));
    }
    const trace = this.tracing.isOn ? new RequestTrace(this.tracing, request, this.config.TRUST_TRACEPARENT === "on") : undefined;
    const answer = await this.#route(request, trace);
    // Only the first of a connection: answers that are queued behind it are what makes node stop reading from it.
    if ((answer === TOO_MANY || answer === TOO_MUCH) && isFirst) await this.#whenThereIsTime(request);
    if (this.#draining) response.setHeader("connection", "close");
    send(response, answer);
    this.metrics.answered(answer, (performance.now() - began) / 1_000, trace?.answered(answer));
    if (!request.complete && !request.destroyed) cutOff(request);
  }

  /** Deliveries that are acknowledged go before those beyond the budgets, which come by the thousand under overload. */
  #whenThereIsTime(request: IncomingMessage): Promise<void> {
    // What has come of its body is not kept meanwhile.
    request.resume();
    return this.#turnedAway.next();
  }

  async #route(request: IncomingMessage, trace?: RequestTrace): Promise<WebhookAnswer> {
    const path = request.url?.split("?", 1)[0];
    const { WEBHOOK_PATH } = this.config;
    if (path !== WEBHOOK_PATH && path !== `${WEBHOOK_PATH}/`) return problem(404, "path", `there is nothing here but POST ${WEBHOOK_PATH}`);
    if (request.method !== "POST") return problem(405, "method", "use POST", ["allow", "POST"]);
    if (!this.senders.allow(request)) return NOT_ALLOWED;
    return this.controller.receive(request, trace);
  }
}

/** The rest of a refused body is thrown away unread; whoever does not stop sending is disconnected. */
function cutOff(request: IncomingMessage): void {
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  request.once("end", () => clearTimeout(timer));
}
