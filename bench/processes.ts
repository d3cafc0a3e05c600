import { BenchChild, load } from "./child.js";
import type { BenchServer } from "./database.js";
import { atLeast, type Result } from "./report.js";
import { type Figures, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
}

/** Compares one gateway with two on one database, with the same total of connections. CPU use shows the bottleneck. */
export async function benchProcesses(
  server: BenchServer,
  { rounds, seconds }: Scale,
  connections: number,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  const measure = (count: number) => async (): Promise<Figures> => {
    const url = await server.fresh();
    const gateways: BenchChild[] = [];
    for (let index = 0; index < count; index += 1)
      gateways.push(await BenchChild.start("servers/octogauge.js", { DATABASE_URL: url, MODE: "gateway" }));
    const warmUpSeconds = Math.min(2, seconds / 2);
    const nodeSeconds = () => gateways.reduce((sum, gateway) => sum + gateway.cpuSeconds(), 0);
    const [node, postgres] = [nodeSeconds(), server.cpuSeconds()];
    const ports = gateways.map((gateway) => gateway.ready["port"]!);
    const result = await load({ ports, connections, seconds, warmUpSeconds, rate: 0 });
    const wall = seconds + warmUpSeconds;
    const figures = {
      "req/s": result.perSecond,
      "p99 ms": result.p99,
      "gateways' cores": (nodeSeconds() - node) / wall,
      "postgres' cores": (server.cpuSeconds() - postgres) / wall,
      "load's cores": result.cpuSeconds / wall,
      "postgres ms": ((server.cpuSeconds() - postgres) * 1_000) / (result.perSecond * (seconds + warmUpSeconds)),
    };
    for (const gateway of gateways) await gateway.stop();
    await server.drop(url);
    if (Object.keys(result.statuses).some((status) => status !== "202")) throw new Error(`answered ${JSON.stringify(result.statuses)}`);
    return figures;
  };
  await measured.run(rounds, { "one process": measure(1), "two processes": measure(2) }, progress);
  return {
    name: `processes, ${connections} connections`,
    conditions: `Gateways on one database, ${connections} connections spread over them; cores are CPU seconds a second, the load's included; ${rounds} interleaved rounds of ${seconds} s, medians.`,
    rounds: measured,
    verdicts: [atLeast("rate of two / one", measured.ratio("req/s", "two processes", "one process"), 1.3)],
  };
}
