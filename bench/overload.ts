import { BenchChild, load } from "./child.js";
import type { BenchServer } from "./database.js";
import { atLeast, atMost, type Result } from "./report.js";
import { type Figures, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
  /** Measures only connections without pauses. */
  readonly quick: boolean;
}

/** Three times the default MAX_INFLIGHT_REQUESTS, so that the budget is used up. */
const CONNECTIONS = 6_000;
const OVERLOAD = 3;
/** GitHub gives up after 10 s. */
const LONGEST_MS = 9_000;
/** Bound for the p99 of 503 answers while all cores are busy. */
const AT_ONCE_MS = 1_000;
const MOST_MEMORY = 512;

/** Measures a gateway with default budgets under three times its capacity. */
export async function benchOverload(
  server: BenchServer,
  { rounds, seconds, quick }: Scale,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  let capacity = 0;
  const onGateway = async (work: (port: number) => Promise<Figures>): Promise<Figures> => {
    const url = await server.fresh();
    const child = await BenchChild.start("servers/octogauge.js", { DATABASE_URL: url, MODE: "gateway" });
    const figures = await work(child.ready["port"]!);
    const peak = child.peakMemory();
    await child.stop();
    await server.drop(url);
    return { ...figures, "peak MiB": peak };
  };
  const run = async (port: number, connections: number, rate: number): Promise<Figures> => {
    const warmUpSeconds = Math.min(3, seconds / 2);
    const result = await load({ ports: [port], connections, seconds, warmUpSeconds, rate, latencyFrom: "sent" });
    const answered = (status: string) => (result.statuses[status] ?? 0) / seconds;
    const others = Object.keys(result.statuses).filter((status) => status !== "202" && status !== "503");
    return {
      "sent/s": Object.values(result.statuses).reduce((sum, count) => sum + count, 0) / seconds,
      "202/s": answered("202"),
      "503/s": answered("503"),
      "others/s": others.reduce((sum, status) => sum + answered(status), 0),
      "202 p99 ms": result.p99,
      "503 p99 ms": result.refusedP99,
      "longest ms": result.longest,
    };
  };
  const names = ["capacity, 256 connections", `rate of ${OVERLOAD} x capacity`, `${CONNECTIONS} connections that never pause`] as const;
  // Fixed order: the first variant measures the rate of the second.
  for (let round = 0; round < rounds; round += 1)
    await measured.run(
      1,
      {
        ...(quick
          ? {}
          : {
              [names[0]]: () =>
                onGateway(async (port) => {
                  const figures = await run(port, 256, 0);
                  capacity = figures["202/s"] ?? 0;
                  return figures;
                }),
              [names[1]]: () => onGateway((port) => run(port, CONNECTIONS, Math.round(capacity * OVERLOAD))),
            }),
        [names[2]]: () => onGateway((port) => run(port, CONNECTIONS, 0)),
      },
      (line) => progress(line.replace("round 1 of 1", `round ${round + 1} of ${rounds}`)),
    );
  const worst = (figure: string) => Math.max(...names.slice(1).map((name) => measured.most(figure, name)));
  return {
    name: "overload",
    conditions: `One gateway with default budgets; latency from when a request was sent; ${CONNECTIONS} connections; ${rounds} rounds of ${seconds} s, medians. The load shares the cores, so what is sent may stay below ${OVERLOAD} x capacity.`,
    rounds: measured,
    verdicts: [
      atMost("longest wait for any answer, ms", worst("longest ms"), LONGEST_MS),
      atMost("p99 of refusals (503), ms", worst("503 p99 ms"), AT_ONCE_MS),
      atMost("answers other than 202 and 503, a second", worst("others/s"), 0),
      atMost("peak memory, MiB", worst("peak MiB"), MOST_MEMORY),
      atLeast("acknowledged under overload / capacity", measured.ratio("202/s", names[1], names[0]), 0.5),
    ],
  };
}
