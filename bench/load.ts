import { connect, type Socket } from "node:net";
import { Requests } from "./requests.js";
import { percentile } from "./statistics.js";

const DIALLED_AT_ONCE = 100;

/** Result of a load run. Latencies are in milliseconds. */
export interface LoadResult {
  /** 202 answers per second. */
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Number of answers by status; `cut` counts connections that ended without an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** p99 of the 503 answers. */
  readonly refusedP99: number;
  /** Maximum latency of any answer, including answers after the measured time. */
  readonly longest: number;
  /** CPU seconds of the load generator, which shares the machine. */
  readonly cpuSeconds: number;
}

export interface LoadOptions {
  /** Ports of 127.0.0.1; connections are distributed evenly. */
  readonly ports: readonly number[];
  readonly connections: number;
  readonly seconds: number;
  /** Warm-up without measurement. */
  readonly warmUpSeconds: number;
  /** Requests per second over all connections; 0: each connection sends its next request after each answer. */
  readonly rate: number;
  /** True: each pass over the payloads has new run and job ids; see {@link Requests}. */
  readonly distinct?: boolean;
  /** With a rate, latency starts when the request is due, so that a late sender hides no slow server; `sent`: when it is sent. */
  readonly latencyFrom?: "due" | "sent";
}

/** Posts on raw keep-alive sockets, because an HTTP client would take much more CPU from the server on the same machine. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { connections, rate } = options;
  const requests = new Requests(options.distinct ?? false);
  const accepted: number[] = [];
  const refused: number[] = [];
  const statuses: Record<string, number> = {};
  const count = (status: string) => (statuses[status] = (statuses[status] ?? 0) + 1);
  let longest = 0;
  const dial = (index: number) => dialOnce(options.ports[index % options.ports.length]!);
  const sockets = await openAll(connections, dial);
  const cpuBefore = process.cpuUsage();
  const begin = performance.now();
  const measureFrom = begin + options.warmUpSeconds * 1_000;
  const end = measureFrom + options.seconds * 1_000;

  const oneConnection = (index: number): Promise<void> =>
    new Promise((resolve) => {
      let due = begin + (rate > 0 ? (index * 1_000) / rate : 0);
      const use = (socket: Socket) => {
        let pending = "";
        let sent = 0;
        const next = () => {
          const now = performance.now();
          if (now >= end) return void socket.destroy();
          if (rate > 0 && now < due) return void setTimeout(next, due - now);
          if (rate === 0) due = now;
          sent = now;
          const { head, body } = requests.next();
          socket.cork();
          socket.write(head, "latin1");
          socket.write(body);
          socket.uncork();
        };
        const answered = (status: string) => {
          const now = performance.now();
          longest = Math.max(longest, now - sent);
          if (now >= measureFrom && now < end) {
            const latency = now - (options.latencyFrom === "sent" ? sent : due);
            count(status);
            if (status[0] === "2") accepted.push(latency);
            else if (status === "503") refused.push(latency);
          }
          sent = 0;
          if (rate > 0) due += (connections * 1_000) / rate;
        };
        socket.on("close", () => {
          const over = performance.now() >= end;
          if (sent > 0 || !over) count("cut");
          if (over) resolve();
          else setTimeout(() => void dial(index).then(use, resolve), 10);
        });
        socket.on("data", (data) => {
          pending += data.toString("latin1");
          const headEnd = pending.indexOf("\r\n\r\n");
          if (headEnd === -1) return;
          const length = Number(/content-length: (\d+)/i.exec(pending)?.[1] ?? 0);
          if (pending.length < headEnd + 4 + length) return;
          const status = pending.slice(9, 12);
          pending = pending.slice(headEnd + 4 + length);
          answered(status);
          next();
        });
        next();
      };
      use(sockets[index]!);
    });

  await Promise.all(Array.from({ length: connections }, (_, index) => oneConnection(index)));
  const sorted = Float64Array.from(accepted).sort();
  const cpu = process.cpuUsage(cpuBefore);
  return {
    perSecond: accepted.length / options.seconds,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    refusedP99: percentile(Float64Array.from(refused).sort(), 0.99),
    longest,
    statuses,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
}

/** Opens a few connections at a time: thousands at once would overflow the listen queue and measure TCP retries. */
async function openAll(count: number, dial: (index: number) => Promise<Socket>): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Math.min(DIALLED_AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, (_, index) => dial(sockets.length + index)))));
  }
  return sockets;
}

function dialOnce(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.off("error", reject);
      // The close event follows and is handled.
      socket.on("error", () => undefined);
      resolve(socket);
    });
    socket.setNoDelay(true);
    socket.on("error", reject);
  });
}

// As a process: node load.js '{"ports":…}' prints one line of JSON.
if (process.argv[1]?.endsWith("/load.js") && process.argv[2]) {
  console.log(JSON.stringify(await runLoad(JSON.parse(process.argv[2]) as LoadOptions)));
  process.exit(0);
}
