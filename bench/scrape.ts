import { BenchChild } from "./child.js";
import { type BenchServer, query } from "./database.js";
import { fill } from "./fill.js";
import { atMost, type Result } from "./report.js";
import { scrape } from "./scraper.js";
import { type Figures, percentile, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  /** Number of finished jobs in the long history. */
  readonly history: number;
  /** Measures one scrape of one format. */
  readonly quick: boolean;
}

const OPEN_JOBS = 5_000;
/** Counters, and histograms, that change between two scrapes. */
const CHANGED = 500;

/** Measures `/metrics` by the number of series and the length of the history. */
export async function benchScrape(
  server: BenchServer,
  { rounds, history, quick }: Scale,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  const scrapes = quick ? 1 : 8;
  const withHistory = `20k series, ${history} finished jobs`;
  const prepared = new Map<string, string>();
  const prepare = async (series: number, finished: number): Promise<string> => {
    const key = `${series}/${finished}`;
    const url = prepared.get(key) ?? (await server.fresh());
    if (!prepared.has(key)) {
      const began = performance.now();
      await fill(url, { series, openJobs: OPEN_JOBS, finishedJobs: finished });
      progress(`storing ${series} series and ${finished} finished jobs took ${Math.round((performance.now() - began) / 1_000)} s`);
      prepared.set(key, url);
    }
    return url;
  };
  const measure = (series: number, finished: number) => async (): Promise<Figures> => {
    const url = await prepare(series, finished);
    const child = await BenchChild.start("servers/octogauge.js", { DATABASE_URL: url, MODE: "gateway" });
    const latencies: number[] = [];
    const port = Number(child.ready["management"]);
    let first = 0;
    for (let index = 0; index <= scrapes; index += 1) {
      // Changes between two scrapes, like processing.
      await query(url, CHANGE, [CHANGED]);
      const began = performance.now();
      await scrape(port);
      // Warm-up: the first scrape reads all series and compiles the code.
      if (index > 0) latencies.push(performance.now() - began);
      else first = performance.now() - began;
      if (index < scrapes) await new Promise((resolve) => setTimeout(resolve, 1_050));
    }
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const [row] = await query<{ ms: string }>(url, TEXT_ALONE);
    await child.stop();
    return {
      "scrape ms": percentile(
        latencies.sort((a, b) => a - b),
        0.5,
      ),
      "first scrape ms": first,
      "text alone ms": Number(row?.ms),
      series: text.split("\n").filter((line) => line && !line.startsWith("#")).length,
    };
  };
  await measured.run(
    rounds,
    {
      "20k series": measure(20_000, 0),
      ...(quick ? {} : { "2k series": measure(2_000, 0), [withHistory]: measure(20_000, history) }),
    },
    progress,
  );
  for (const url of prepared.values()) await server.drop(url);
  return {
    name: "scrape",
    conditions: `${OPEN_JOBS} open jobs, up to ${CHANGED} counters and as many histograms changed before each scrape; ${scrapes} scrapes each, past the cache; ${rounds} rounds, medians.`,
    rounds: measured,
    verdicts: [
      atMost("20k series, ms", measured.medians("20k series")["scrape ms"] ?? NaN, 150),
      ...(quick ? [] : [atMost(`with ${history} finished jobs / with none`, measured.ratio("scrape ms", withHistory, "20k series"), 1.1)]),
    ],
  };
}

const CHANGE = `
  WITH counters AS (
    UPDATE octogauge.counter_series SET value = value + 1 WHERE (metric, labels) IN (SELECT metric, labels FROM octogauge.counter_series ORDER BY random() LIMIT $1)
  )
  UPDATE octogauge.histogram_series SET count = count + 1 WHERE (metric, labels) IN (SELECT metric, labels FROM octogauge.histogram_series ORDER BY random() LIMIT $1)`;

/** Time in PostgreSQL to serialise the text of the counters, without transfer. */
const TEXT_ALONE = `
  WITH began AS MATERIALIZED (SELECT clock_timestamp() AS at),
    text AS MATERIALIZED (SELECT length(string_agg(metric || '{' || labels || '} ' || value, E'\\n' ORDER BY labels)) AS length FROM octogauge.counter_series, began)
  SELECT round(extract(epoch FROM clock_timestamp() - at)::numeric * 1000, 3)::text AS ms FROM began, text`;
