import { checkMetrics } from "./check.js";
import { Expectation } from "./expected.js";
import { defaultHistoryOptions, generateHistory, type HistoryOptions } from "./history.js";
import type { SimulatedDelivery } from "./model.js";
import { sendDeliveries, type SendCounts, type SendSummary } from "./send.js";

/** What to simulate, where to send it, and what to do afterwards. */
export interface SimulationOptions extends Omit<HistoryOptions, "startTime" | "concurrentRuns"> {
  /** Where to send to, in turn: the addresses of POST /webhook. */
  readonly urls: readonly string[];
  /** The webhook secret, which signs the deliveries. */
  readonly secret: string;
  /** When the history begins. Default two hours ago, so that a repeated simulation is another one. */
  readonly startTime?: Date | undefined;
  /** Deliveries per second; 0 for as many as the receivers take. */
  readonly rate: number;
  /** How many deliveries are under way at most. */
  readonly concurrency: number;
  /** Send again what got no answer within 10 s, a 408, a 429 or a 5xx. GitHub itself does not. */
  readonly redeliver: boolean;
  /** For how many seconds a delivery is sent again before it counts as lost. */
  readonly redeliverFor: number;
  /** Print the metrics that must come of it, as sorted exposition lines, on stdout. */
  readonly expected: boolean;
  /** The address of /metrics to compare with what is expected. */
  readonly check?: string | undefined;
  /** The bearer token for /metrics. */
  readonly checkToken?: string | undefined;
  /** For how many seconds the metrics may still be on their way. */
  readonly checkFor: number;
  /** Upper bounds of the receiver's histograms (s), where they are not the default ones. */
  readonly bounds?: readonly number[] | undefined;
}

/** Everything but the secret, which has no good default. */
export const DEFAULTS: Omit<SimulationOptions, "secret"> = {
  urls: ["http://127.0.0.1:8080/webhook"],
  seed: defaultHistoryOptions.seed,
  deliveries: defaultHistoryOptions.deliveries,
  owners: defaultHistoryOptions.owners,
  repositories: defaultHistoryOptions.repositories,
  duplicateRate: defaultHistoryOptions.duplicateRate,
  secondHookRate: defaultHistoryOptions.secondHookRate,
  disorder: defaultHistoryOptions.disorder,
  pad: defaultHistoryOptions.pad,
  rate: 0,
  concurrency: 50,
  redeliver: false,
  redeliverFor: 120,
  expected: false,
  checkFor: 60,
};

/** Where a simulation writes. `process` fits. */
export interface SimulationIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly signal?: AbortSignal | undefined;
}

const shownDifferences = 20;

function historyOptions(options: SimulationOptions): HistoryOptions {
  const { seed, deliveries, owners, repositories, duplicateRate, secondHookRate, disorder, pad } = options;
  const twoHoursAgo = new Date(Math.floor(Date.now() / 1000 - 7200) * 1000);
  return {
    seed,
    deliveries,
    owners,
    repositories,
    duplicateRate,
    secondHookRate,
    disorder,
    pad,
    startTime: options.startTime ?? twoHoursAgo,
    // A long history spans hours too, not weeks, by having more under way at once.
    concurrentRuns: Math.min(5000, Math.max(defaultHistoryOptions.concurrentRuns, Math.floor(deliveries / 200))),
  };
}

function* noted(history: Iterable<SimulatedDelivery>, expectation: Expectation | undefined): Generator<SimulatedDelivery> {
  for (const delivery of history) {
    expectation?.add(delivery);
    yield delivery;
  }
}

function countsText(counts: SendCounts): string {
  const { sent, accepted, duplicates, refused, redelivered, lost } = counts;
  return `${sent} sent: ${accepted} accepted, ${duplicates} duplicates, ${refused} refused, ${lost} lost; ${redelivered} redelivered`;
}

function summaryText(summary: SendSummary): string {
  const rate = Math.round(summary.sent / Math.max(summary.seconds, 0.001));
  const latency = `latency p50 ${summary.p50.toFixed(1)} ms, p99 ${summary.p99.toFixed(1)} ms`;
  return `${countsText(summary)}\n${summary.seconds.toFixed(1)} s, ${rate} per second, ${latency}\n`;
}

async function verdict(options: SimulationOptions, url: string, expectation: Expectation, io: SimulationIo): Promise<boolean> {
  const expected = expectation.series();
  const { differences, seconds } = await checkMetrics({
    url,
    token: options.checkToken,
    expected,
    owners: expectation.owners(),
    seconds: options.checkFor,
    signal: io.signal,
  });
  if (differences.length === 0) {
    io.stderr.write(`The metrics are as expected (after ${seconds.toFixed(1)} s).\n`);
    return true;
  }
  const shown = differences.slice(0, shownDifferences);
  const more = differences.length - shown.length;
  io.stderr.write(`The metrics are NOT as expected, after ${seconds.toFixed(1)} s; differences: ${differences.length}.\n`);
  for (const difference of shown) io.stderr.write(`  ${difference}\n`);
  if (more > 0) io.stderr.write(`  and ${more} more\n`);
  return false;
}

/**
 * Simulates GitHub: makes a history, sends it, and says on stderr how it went. Resolves to the exit
 * code: 1 when a delivery was refused or lost, the check failed or the simulation was aborted, else 0.
 * @throws TypeError for an address that is no URL
 */
export async function runSimulation(options: SimulationOptions, io: SimulationIo): Promise<number> {
  const history = historyOptions(options);
  const needsExpectation = options.expected || options.check !== undefined;
  const expectation = needsExpectation ? new Expectation({ bounds: options.bounds }) : undefined;
  io.stderr.write(`Sending ${options.deliveries} deliveries (seed ${options.seed}, start ${history.startTime.toISOString()}).\n`);

  const [before, after] = io.stderr.isTTY ? ["\r\u001B[2K", ""] : ["", "\n"];
  const summary = await sendDeliveries(noted(generateHistory(history), expectation), {
    ...options,
    signal: io.signal,
    onProgress: (counts) => void io.stderr.write(`${before}${countsText(counts)}${after}`),
  });
  io.stderr.write(`${before}${summaryText(summary)}`);

  if (summary.firstTrouble && (summary.refused > 0 || summary.lost > 0)) {
    const hint = summary.firstTrouble.startsWith("401") ? " Is the secret the receiver's own?" : "";
    io.stderr.write(`The first that was not taken: ${summary.firstTrouble}.${hint}\n`);
  }
  if (summary.accepted + summary.duplicates === 0) return 1;

  if (expectation && options.expected) {
    const lines = [...expectation.series()].map(([series, value]) => `${series} ${value}\n`);
    io.stdout.write(lines.toSorted().join(""));
  }
  if (io.signal?.aborted) {
    io.stderr.write("Aborted.\n");
    return 1;
  }
  const isRight = expectation && options.check ? await verdict(options, options.check, expectation, io) : true;
  return isRight && summary.refused === 0 && summary.lost === 0 ? 0 : 1;
}
