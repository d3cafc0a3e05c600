import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { percentile } from "./statistics.js";
import { signedPayloads } from "./payloads.js";

/** What a load run saw. Latencies in milliseconds. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  readonly statuses: Readonly<Record<string, number>>;
}

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Not measured. */
  readonly warmUpSeconds: number;
  /** Requests per second over all connections; 0: each connection sends as soon as it is answered. */
  readonly rate: number;
}

/**
 * Posts on raw keep-alive sockets, which costs the machine far less than an HTTP client: the load shares its cores with the server.
 * With a rate, latency counts from when a request was due, not from when it could be sent.
 */
export function runLoad(options: LoadOptions): Promise<LoadResult> {
  const payloads = signedPayloads().map(({ event, body, signature }) => ({
    body,
    head: `POST /webhook HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-github-event: ${event}\r\nx-hub-signature-256: ${signature}\r\nx-github-hook-id: 1\r\ncontent-length: ${body.length}\r\nx-github-delivery: `,
  }));
  const run = randomBytes(6).toString("hex");
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const begin = performance.now();
  const measureFrom = begin + options.warmUpSeconds * 1_000;
  const end = measureFrom + options.seconds * 1_000;
  let sent = 0;
  let counted = 0;

  const oneConnection = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(options.port, options.host);
      socket.setNoDelay(true);
      let due = begin + (options.rate > 0 ? (index * 1_000) / options.rate : 0);
      let pending = "";
      const next = () => {
        const now = performance.now();
        if (now >= end) {
          socket.destroy();
          return resolve();
        }
        if (options.rate > 0 && now < due) return void setTimeout(next, due - now);
        if (options.rate === 0) due = now;
        const number = (sent += 1);
        const payload = payloads[number % payloads.length]!;
        socket.cork();
        socket.write(
          `${payload.head}${number.toString(16).padStart(8, "0")}-${run.slice(0, 4)}-4${run.slice(4, 7)}-8${run.slice(7, 10)}-${run}\r\n\r\n`,
        );
        socket.write(payload.body);
        socket.uncork();
      };
      socket.on("connect", next);
      socket.on("error", reject);
      socket.on("data", (data) => {
        pending += data.toString("latin1");
        const headEnd = pending.indexOf("\r\n\r\n");
        if (headEnd === -1) return;
        const length = Number(/content-length: (\d+)/i.exec(pending)?.[1] ?? 0);
        if (pending.length < headEnd + 4 + length) return;
        const status = pending.slice(9, 12);
        pending = pending.slice(headEnd + 4 + length);
        const now = performance.now();
        if (now >= measureFrom && now < end) {
          latencies.push(now - due);
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (status[0] === "2") counted += 1;
        }
        if (options.rate > 0) due += (options.connections * 1_000) / options.rate;
        next();
      });
    });

  return Promise.all(Array.from({ length: options.connections }, (_, index) => oneConnection(index))).then(() => {
    const sorted = Float64Array.from(latencies).sort();
    return {
      perSecond: counted / options.seconds,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      most: percentile(sorted, 1),
      statuses,
    };
  });
}

// Run as a process of its own: node load.js '{"port":…}', one line of JSON out.
if (process.argv[1]?.endsWith("/load.js") && process.argv[2]) {
  console.log(JSON.stringify(await runLoad(JSON.parse(process.argv[2]) as LoadOptions)));
  process.exit(0);
}
