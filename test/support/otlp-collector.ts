import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status as grpcStatus } from "@grpc/grpc-js";
import { until } from "./wait.js";
import { fromJson, fromProtobuf, type ReceivedSpan } from "./otlp-message.js";

export type { ReceivedSpan } from "./otlp-message.js";

export type OtlpProtocol = "http/protobuf" | "http/json" | "grpc";

/** One export, accepted or refused. */
export interface ReceivedRequest {
  /** For gRPC, its metadata. */
  readonly headers: IncomingHttpHeaders;
  readonly spans: readonly ReceivedSpan[];
  readonly isTaken: boolean;
}

/** A collector on a free port, which it keeps. It accepts OTLP spans or not, as the test decides. */
export class OtlpCollector {
  /** All requests in order of arrival. */
  readonly requests: ReceivedRequest[] = [];
  #port = 0;
  #close: (() => Promise<void>) | undefined;
  #failure: number | undefined;
  #isMute = false;

  private constructor(readonly protocol: OtlpProtocol) {}

  /** The caller must stop it. */
  static async start({ protocol = "http/protobuf" }: { protocol?: OtlpProtocol } = {}): Promise<OtlpCollector> {
    const collector = new OtlpCollector(protocol);
    await collector.restart();
    return collector;
  }

  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The environment of an exporter that uses it. */
  get environment(): Record<string, string> {
    return { OTEL_EXPORTER_OTLP_ENDPOINT: this.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: this.protocol };
  }

  /** The accepted spans. */
  get spans(): ReceivedSpan[] {
    return this.requests.filter(({ isTaken }) => isTaken).flatMap(({ spans }) => spans);
  }

  /** @param status the answer from now on, over gRPC always UNAVAILABLE; undefined accepts everything again */
  fail(status: number | undefined): void {
    this.#failure = status;
  }

  /** Whether it accepts spans without an answer from now on, so that the sender cannot know the result. */
  mute(isMute: boolean): void {
    this.#isMute = isMute;
  }

  /** @throws if the condition does not become true in time */
  async waitFor(predicate: (collector: OtlpCollector) => boolean): Promise<void> {
    const wanted = () => `what the test waits for; ${this.requests.length} requests with ${this.spans.length} spans were taken`;
    await until(wanted, () => predicate(this));
  }

  /** Closes all connections and the port. Idempotent. */
  async stop(): Promise<void> {
    const close = this.#close;
    this.#close = undefined;
    await close?.();
  }

  /** Listens again on the same port. */
  async restart(): Promise<void> {
    await this.stop();
    await (this.protocol === "grpc" ? this.#listenGrpc() : this.#listenHttp());
  }

  async #listenHttp(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as { port: number }).port;
    this.#close = () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isJson = this.protocol === "http/json";
    const type = isJson ? "application/json" : "application/x-protobuf";
    const body = await bodyOf(request).catch(() => undefined);
    if (!body) return;
    if (request.method !== "POST" || request.url !== "/v1/traces") return void response.writeHead(404).end();
    if (request.headers["content-type"] !== type) return void response.writeHead(415).end();
    this.#record(request.headers, (isJson ? fromJson : fromProtobuf)(body));
    if (this.#failure !== undefined) return void response.writeHead(this.#failure).end();
    if (!this.#isMute) response.writeHead(200, { "content-type": type }).end(isJson ? "{}" : "");
  }

  async #listenGrpc(): Promise<void> {
    const server = new Server();
    const asIs = (bytes: Buffer): Buffer => bytes;
    const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    server.addService(
      {
        export: {
          path,
          requestStream: false,
          responseStream: false,
          requestSerialize: asIs,
          requestDeserialize: asIs,
          responseSerialize: asIs,
          responseDeserialize: asIs,
        },
      },
      {
        export: ({ metadata, request }: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
          this.#record(metadata.getMap() as IncomingHttpHeaders, fromProtobuf(request));
          if (this.#failure !== undefined) return callback({ code: grpcStatus.UNAVAILABLE, details: "the test refuses it" });
          if (!this.#isMute) callback(null, Buffer.alloc(0));
        },
      },
    );
    this.#port = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${this.#port}`, ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    this.#close = async () => server.forceShutdown();
  }

  #record(headers: IncomingHttpHeaders, spans: readonly ReceivedSpan[]): void {
    this.requests.push({ headers, spans, isTaken: this.#failure === undefined });
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}
