import { load } from "./child.js";
import { query } from "./database.js";

const CONNECTIONS = 256;
const SAMPLE_MS = 250;
/** The backlog counts as flat if it grows by less than this share of the rate; counting it is not more exact. */
const FLAT = 0.03;
/** If the load reaches less than this share of the rate, acknowledgements are the bottleneck. */
const REACHED = 0.97;
const FIRST_GUESS = 0.8;
const LONGEST_DRAIN_MS = 60_000;

interface Window {
  readonly acknowledged: number;
  readonly p99: number;
  /** Growth of the backlog in deliveries per second. */
  readonly rise: number;
}

export interface Sustained {
  /** Highest tried rate with a flat backlog. */
  readonly rate: number;
  readonly p99: number;
}

/**
 * The highest rate that the servers on these ports acknowledge and process. A run without rate limit gives the first bounds;
 * bisection does the rest.
 */
export async function sustainedRate(url: string, ports: readonly number[], seconds: number, steps: number): Promise<Sustained> {
  const run = (rate: number) => window(url, ports, seconds, Math.round(rate));
  // Try a failed rate again: one stall of the disk is not the limit.
  const holds = async (rate: number): Promise<number | undefined> => {
    const { acknowledged, p99, rise } = await run(rate);
    await drained(url);
    return rise <= rate * FLAT && acknowledged >= rate * REACHED ? p99 : undefined;
  };
  const unlimited = await run(0);
  await drained(url);
  // NaN if the backlog grew at every rate.
  let held: Sustained = { rate: NaN, p99: NaN };
  let [low, high] = [0, unlimited.acknowledged];
  // Acknowledged minus backlog growth: a slightly lower rate should hold.
  let rate = Math.max(0, unlimited.acknowledged - Math.max(0, unlimited.rise)) * FIRST_GUESS;
  for (let step = 0; step < steps; step += 1) {
    const p99 = (await holds(rate)) ?? (await holds(rate));
    if (p99 === undefined) high = rate;
    else [low, held] = [rate, { rate, p99 }];
    rate = Math.round((low + high) / 2);
  }
  return held;
}

async function window(url: string, ports: readonly number[], seconds: number, rate: number): Promise<Window> {
  const samples: [at: number, pending: number][] = [];
  // Skip the first second, in which the inbox is empty and workers are idle.
  const from = performance.now() + 1_000;
  const until = from + seconds * 1_000;
  const sampling = (async () => {
    while (performance.now() < until) {
      if (performance.now() >= from) samples.push([performance.now() / 1_000, await pending(url)]);
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  })();
  const result = await load({ ports, connections: CONNECTIONS, seconds, warmUpSeconds: 1, rate, distinct: true });
  await sampling;
  return { acknowledged: result.perSecond, p99: result.p99, rise: slope(samples) };
}

export async function pending(url: string): Promise<number> {
  const [row] = await query<{ pending: number }>(url, "SELECT count(*)::integer AS pending FROM octogauge.inbox");
  return row?.pending ?? 0;
}

export async function drained(url: string): Promise<void> {
  const until = performance.now() + LONGEST_DRAIN_MS;
  while ((await pending(url)) > 0) {
    if (performance.now() > until) throw new Error(`the inbox was not empty after ${LONGEST_DRAIN_MS / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Slope of the least-squares line. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return above / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}
