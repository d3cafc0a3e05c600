import { BenchChild, load } from "./child.js";
import type { BenchServer } from "./database.js";
import { fill } from "./fill.js";
import { atMost, type Result } from "./report.js";
import { Scraper } from "./scraper.js";
import { type Figures, Rounds } from "./statistics.js";
import { sustainedRate } from "./sustained.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
  /** Measures only the first and the last variant. */
  readonly quick: boolean;
}

const CONNECTIONS = 64;
const SERIES = 20_000;
const OPEN_JOBS = 5_000;

/** Work beside ingest, by variant. */
interface Beside {
  readonly mode: "gateway" | "standalone";
  /** True for a worker in a separate process. */
  readonly worker?: boolean;
  readonly scraped?: boolean;
}

const VARIANTS = {
  alone: { mode: "gateway" },
  "alone, scraped": { mode: "gateway", scraped: true },
  processing: { mode: "standalone" },
  "processing, scraped": { mode: "standalone", scraped: true },
  "processing in another process, scraped": { mode: "gateway", worker: true, scraped: true },
} as const satisfies Readonly<Record<string, Beside>>;

const ENDS: readonly string[] = ["alone", "processing, scraped"] satisfies (keyof typeof VARIANTS)[];

/** Measures the latency of acknowledgements at a fixed rate, by the other work on the machine. */
export async function benchMixed(
  server: BenchServer,
  { rounds, seconds, quick }: Scale,
  rate: number,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  const template = await server.fresh();
  await fill(template, { series: SERIES, openJobs: OPEN_JOBS, finishedJobs: 0 });
  const measure =
    ({ mode, worker, scraped }: Beside) =>
    async (): Promise<Figures> => {
      const url = await server.clone(template);
      const gateway = await BenchChild.start("servers/octogauge.js", { DATABASE_URL: url, MODE: mode });
      const processing = worker ? await BenchChild.start("servers/octogauge.js", { DATABASE_URL: url, MODE: "worker" }) : undefined;
      const scraper = scraped ? Scraper.start(gateway.ready["management"]!) : undefined;
      const warmUpSeconds = Math.min(3, seconds / 2);
      const result = await load({
        ports: [gateway.ready["port"]!],
        connections: CONNECTIONS,
        seconds,
        warmUpSeconds,
        rate,
        distinct: true,
      });
      const scrapeMs = await scraper?.stop();
      await gateway.stop();
      await processing?.stop();
      await server.drop(url);
      if (Object.keys(result.statuses).some((status) => status !== "202")) throw new Error(`answered ${JSON.stringify(result.statuses)}`);
      return { "req/s": result.perSecond, "p50 ms": result.p50, "p99 ms": result.p99, "scrape ms": scrapeMs ?? NaN };
    };
  await measured.run(
    rounds,
    Object.fromEntries(
      Object.entries(VARIANTS)
        .filter(([name]) => !quick || ENDS.includes(name))
        .map(([name, beside]) => [name, measure(beside)] as const),
    ),
    progress,
  );
  await server.drop(template);
  const ratio = (of: keyof typeof VARIANTS, to: keyof typeof VARIANTS) => measured.ratio("p99 ms", of, to);
  return {
    name: `mixed, ${rate} deliveries a second`,
    conditions: `${CONNECTIONS} connections, every delivery of a new job or run, latency from when a request was due; ${SERIES} series, ${OPEN_JOBS} open jobs, a scrape every second; ${rounds} interleaved rounds of ${seconds} s, medians.`,
    rounds: measured,
    verdicts: [
      atMost("p99 while processing and scraped / alone", ratio("processing, scraped", "alone"), 2),
      atMost("p99 with the processing in another process, scraped / alone", ratio("processing in another process, scraped", "alone"), 2),
      atMost("p99 scraped / not, alone", ratio("alone, scraped", "alone"), 1.25),
      atMost("p99 scraped / not, while processing", ratio("processing, scraped", "processing"), 1.25),
    ],
  };
}

/** Measures the highest rate with a flat backlog of one standalone process. */
export async function benchSustained(
  server: BenchServer,
  { rounds, seconds }: Omit<Scale, "quick">,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  const steps = rounds > 1 ? 5 : 3;
  await measured.run(
    rounds,
    {
      standalone: async () => {
        const url = await server.fresh();
        const child = await BenchChild.start("servers/octogauge.js", { DATABASE_URL: url, MODE: "standalone" });
        const { rate, p99 } = await sustainedRate(url, [child.ready["port"]!], seconds, steps);
        await child.stop();
        await server.drop(url);
        return { "sustained/s": rate, "p99 ms": p99 };
      },
    },
    progress,
  );
  return {
    name: "mixed, the highest rate with a flat backlog",
    conditions: `256 connections, every delivery of a new job or run; ${steps} steps by halves, windows of ${seconds} s; ${rounds} rounds, medians.`,
    rounds: measured,
    verdicts: [],
  };
}
