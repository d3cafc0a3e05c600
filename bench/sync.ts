import { BenchChild, load } from "./child.js";
import type { BenchServer } from "./database.js";
import { atLeast, type Result } from "./report.js";
import { type Figures, Rounds } from "./statistics.js";
import { sustainedRate } from "./sustained.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
  /** Measures fewer connections with fewer steps. */
  readonly quick: boolean;
}

/** Connections to the synchronous process: more than its pool, so that it is never idle; the first is low, for a fair latency. */
const SYNC_CONNECTIONS = [16, 64] as const;
/** Connections to the gateway. The best rate counts whose p99 does not exceed that of the synchronous process. */
const GATEWAY_CONNECTIONS = [16, 32, 64, 128, 256, 512];

const syncName = (connections: number) => `sync, ${connections} connections`;
const gatewayName = (connections: number) => `gateway at the p99 of ${syncName(connections)}`;

/** Compares synchronous processing inside the request with a gateway alone, and with a gateway and workers. */
export async function benchSync(server: BenchServer, { rounds, seconds, quick }: Scale, progress: (line: string) => void): Promise<Result> {
  const measured = new Rounds();
  const steps = quick ? 1 : 5;
  const syncConnections = quick ? SYNC_CONNECTIONS.slice(0, 1) : SYNC_CONNECTIONS;
  const gatewayConnections = quick ? [64] : GATEWAY_CONNECTIONS;
  const boundary = new Map<number, number>();

  const closedLoop = async (child: BenchChild, connections: number, warmUpSeconds: number): Promise<Figures> => {
    const [node, postgres] = [child.cpuSeconds(), server.cpuSeconds()];
    const result = await load({ ports: [child.ready["port"]!], connections, seconds, warmUpSeconds, rate: 0, distinct: true });
    const deliveries = result.perSecond * (seconds + warmUpSeconds);
    if (Object.keys(result.statuses).some((status) => status !== "202")) throw new Error(`answered ${JSON.stringify(result.statuses)}`);
    return {
      "req/s": result.perSecond,
      "p99 ms": result.p99,
      connections,
      "node ms": ((child.cpuSeconds() - node) * 1_000) / deliveries,
      "postgres ms": ((server.cpuSeconds() - postgres) * 1_000) / deliveries,
    };
  };
  const onServer = async <T>(script: string, mode: string, work: (url: string, child: BenchChild) => Promise<T>): Promise<T> => {
    const url = await server.fresh();
    const child = await BenchChild.start(script, { DATABASE_URL: url, MODE: mode });
    try {
      return await work(url, child);
    } finally {
      await child.stop();
      await server.drop(url);
    }
  };
  const sync = (connections: number) => async (): Promise<Figures> => {
    const figures = await onServer("servers/sync.js", "gateway", (_, child) => closedLoop(child, connections, seconds / 2));
    boundary.set(connections, figures["p99 ms"] ?? 0);
    return figures;
  };
  const gateway = (connections: number) => async (): Promise<Figures> =>
    onServer("servers/octogauge.js", "gateway", async (_, child) => {
      let best: Figures = { "req/s": 0, "p99 ms": NaN, connections: NaN, "node ms": NaN, "postgres ms": NaN };
      for (const candidate of gatewayConnections) {
        const figures = await closedLoop(child, candidate, candidate === gatewayConnections[0] ? seconds / 2 : 0.5);
        if (!((figures["p99 ms"] ?? NaN) <= (boundary.get(connections) ?? NaN))) break;
        if (!((figures["req/s"] ?? 0) < (best["req/s"] ?? 0))) best = figures;
      }
      return best;
    });
  const standalone = async (): Promise<Figures> =>
    onServer("servers/octogauge.js", "standalone", async (url, child) => {
      const { rate, p99 } = await sustainedRate(url, [child.ready["port"]!], seconds, steps);
      return { "req/s": rate, "p99 ms": p99, connections: 256, "node ms": NaN, "postgres ms": NaN };
    });

  // Fixed order: the gateway must keep the latency of the synchronous process measured before.
  for (let round = 0; round < rounds; round += 1)
    await measured.run(
      1,
      {
        ...Object.fromEntries(syncConnections.flatMap((n) => [[syncName(n), sync(n)] as const, [gatewayName(n), gateway(n)] as const])),
        "standalone, flat backlog": standalone,
      },
      (line) => progress(line.replace("round 1 of 1", `round ${round + 1} of ${rounds}`)),
    );
  return {
    name: "sync",
    conditions: `Every delivery of a new job or run; sync: processed in the request, pool of 10; gateway: acknowledged after the commit, at the number of connections (of ${gatewayConnections.join(", ")}) with the highest rate whose p99 is not above sync's of the same round; standalone: acknowledged and processed, the highest rate with a flat backlog (${steps} steps by halves); ${rounds} rounds, windows of ${seconds} s, medians.`,
    rounds: measured,
    verdicts: [
      ...syncConnections.map((n) =>
        atLeast(`standalone / ${syncName(n)}`, measured.ratio("req/s", "standalone, flat backlog", syncName(n)), 5),
      ),
      ...syncConnections.map((n) =>
        atLeast(`acknowledged at equal p99 / ${syncName(n)}`, measured.ratio("req/s", gatewayName(n), syncName(n)), 10),
      ),
    ],
  };
}
