import { BenchChild } from "./child.js";
import type { BenchServer } from "./database.js";
import { measureServer } from "./measure.js";
import { atLeast, atMost, type Result } from "./report.js";
import { type Figures, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
}

/** Deliveries per second, below the capacity of a standalone process, so that CPU use shows the cost. */
const RATE = 500;
const CONNECTIONS = 64;

const OFF = "off";
const TENTH = "10 % of the deliveries";
const ALL = "all deliveries";
const BEFORE = "another build";

/**
 * Measures the cost of tracing: the maximum rate of a gateway, and the CPU of a standalone process at a fixed rate. The collector
 * discards all spans. BENCH_BASELINE, the `dist` folder of another build, adds the cost of disabled tracing.
 */
export async function benchTracing(server: BenchServer, { rounds, seconds }: Scale, progress: (line: string) => void): Promise<Result[]> {
  const collector = await BenchChild.start("servers/collector.js", {});
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.ready["port"]}` };
  const sampled = (ratio: string) => ({ ...endpoint, OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: ratio });
  const baseline = process.env["BENCH_BASELINE"];
  const product = "servers/octogauge.js";
  const variants: Record<string, readonly [string, Record<string, string>]> = {
    [OFF]: [product, {}],
    ...(baseline ? { [BEFORE]: [`${baseline}/bench/servers/octogauge.js`, {}] } : {}),
    [TENTH]: [product, sampled("0.1")],
    [ALL]: [product, sampled("1")],
  };
  const measure = async (mode: string, rate: number): Promise<Rounds> => {
    const measured = new Rounds();
    const each = Object.entries(variants).map(([name, [script, environment]]) => [
      name,
      () =>
        measureServer(server, {
          script,
          environment: { ...environment, MODE: mode },
          connections: CONNECTIONS,
          seconds,
          rate,
          distinct: true,
        }),
    ]);
    await measured.run(rounds, Object.fromEntries(each) as Record<string, () => Promise<Figures>>, progress);
    return measured;
  };
  try {
    const gateway = await measure("gateway", 0);
    const standalone = await measure("standalone", RATE);
    return [
      {
        name: "tracing, gateway",
        conditions: `${CONNECTIONS} connections, as fast as they are answered; ${rounds} interleaved rounds of ${seconds} s, medians.`,
        rounds: gateway,
        verdicts: [
          ...(baseline ? [atLeast("rate off / another build", gateway.ratio("req/s", OFF, BEFORE), 0.97)] : []),
          atLeast("rate at 10 % / off", gateway.ratio("req/s", TENTH, OFF), 0.9),
        ],
      },
      {
        name: "tracing, standalone",
        conditions: `${RATE} deliveries a second over ${CONNECTIONS} connections, acknowledged and processed; ${rounds} interleaved rounds of ${seconds} s, medians.`,
        rounds: standalone,
        verdicts: [
          ...(baseline ? [atMost("node CPU off / another build", standalone.ratio("node ms", OFF, BEFORE), 1.03)] : []),
          atMost("node CPU at 10 % / off", standalone.ratio("node ms", TENTH, OFF), 1.1),
        ],
      },
    ];
  } finally {
    await collector.stop();
  }
}
