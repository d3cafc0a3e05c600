import { connect, type Socket } from "node:net";
import { Requests } from "./requests.js";
import { percentile } from "./statistics.js";

const DIALLED_AT_ONCE = 100;

/** What a load run saw. Latencies in milliseconds. */
export interface LoadResult {
  /** Acknowledged. */
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Answers of any status, by status, and connections that were cut (`cut`). */
  readonly statuses: Readonly<Record<string, number>>;
  /** p99 of the answers that were 503. */
  readonly refusedP99: number;
  /** The longest that any request waited for its answer of whatever status, also after the measured time. */
  readonly longest: number;
  /** Of the load itself, which shares the machine. */
  readonly cpuSeconds: number;
}

export interface LoadOptions {
  /** On the loopback; connections are spread over them evenly. */
  readonly ports: readonly number[];
  readonly connections: number;
  readonly seconds: number;
  /** Not measured. */
  readonly warmUpSeconds: number;
  /** Requests per second over all connections; 0: each connection sends as soon as it is answered. */
  readonly rate: number;
  /** Every pass over the payloads tells of new runs and jobs; see {@link Requests}. */
  readonly distinct?: boolean;
  /** With a rate: from when it was due (the default: a late sender does not hide a slow server), or from when it was sent. */
  readonly latencyFrom?: "due" | "sent";
}

/** Posts on raw keep-alive sockets, which costs the machine far less than an HTTP client: the load shares its cores with the server. */
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

/** A few at a time: thousands at once would overflow the listen queue, and what is measured would be TCP's retries. */
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
      // What follows an error is a close, which is listened to.
      socket.on("error", () => undefined);
      resolve(socket);
    });
    socket.setNoDelay(true);
    socket.on("error", reject);
  });
}

// Run as a process of its own: node load.js '{"ports":…}', one line of JSON out.
if (process.argv[1]?.endsWith("/load.js") && process.argv[2]) {
  console.log(JSON.stringify(await runLoad(JSON.parse(process.argv[2]) as LoadOptions)));
  process.exit(0);
}
