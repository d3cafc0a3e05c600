import { BenchChild, load } from "./child.js";
import type { BenchServer } from "./database.js";
import type { Figures } from "./statistics.js";

/** Load of a benchmark server. */
interface Measured {
  /** See {@link BenchChild.start}. */
  readonly script: string;
  readonly environment: Record<string, string>;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second; 0: the next one after each answer. */
  readonly rate: number;
  readonly distinct?: boolean;
}

/** Runs the load against a server with a new database. @throws if an answer is not 202 */
export async function measureServer(server: BenchServer, { script, environment, seconds, ...how }: Measured): Promise<Figures> {
  const url = await server.fresh();
  const child = await BenchChild.start(script, { DATABASE_URL: url, ...environment });
  const warmUpSeconds = Math.min(2, seconds / 2);
  const [nodeBefore, postgresBefore] = [child.cpuSeconds(), server.cpuSeconds()];
  const result = await load({ ports: [child.ready["port"]!], seconds, warmUpSeconds, ...how });
  const deliveries = result.perSecond * (seconds + warmUpSeconds);
  const figures = {
    "req/s": result.perSecond,
    "p50 ms": result.p50,
    "p99 ms": result.p99,
    "node ms": ((child.cpuSeconds() - nodeBefore) * 1_000) / deliveries,
    "postgres ms": ((server.cpuSeconds() - postgresBefore) * 1_000) / deliveries,
    "peak MiB": child.peakMemory(),
  };
  await child.stop();
  const unexpected = Object.keys(result.statuses).filter((status) => status !== "202");
  if (unexpected.length > 0) throw new Error(`${script} answered ${JSON.stringify(result.statuses)}`);
  await server.drop(url);
  return figures;
}
