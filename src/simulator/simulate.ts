import { checkMetrics } from "./check.js";
import { Expectation } from "./expected.js";
import { defaultHistoryOptions, generateHistory, type HistoryOptions } from "./history.js";
import type { SimulatedDelivery } from "./model.js";
import { sendDeliveries, type SendCounts, type SendSummary } from "./send.js";

/** Options of a simulation. */
export interface SimulationOptions extends Omit<HistoryOptions, "startTime" | "concurrentRuns"> {
  /** The addresses of POST /webhook, used round robin. */
  readonly urls: readonly string[];
  /** The webhook secret, which signs the deliveries. */
  readonly secret: string;
  /** Start of the history. Default: two hours ago, so that a repeated simulation has other ids. */
  readonly startTime?: Date | undefined;
  /** Deliveries per second; 0 for no limit. */
  readonly rate: number;
  /** Most concurrent deliveries. */
  readonly concurrency: number;
  /** Retry a delivery after no answer within 10 s, a 408, a 429 or a 5xx. GitHub does not retry. */
  readonly redeliver: boolean;
  /** Seconds of retries before a delivery counts as lost. */
  readonly redeliverFor: number;
  /** Print the expected metrics to stdout as sorted exposition lines. */
  readonly expected: boolean;
  /** The address of the /metrics to check. */
  readonly check?: string | undefined;
  /** The bearer token for /metrics. */
  readonly checkToken?: string | undefined;
  /** Longest wait in seconds for the expected metrics. */
  readonly checkFor: number;
  /** Upper bounds of the receiver's histograms in seconds, if not the default. */
  readonly bounds?: readonly number[] | undefined;
}

/** Defaults of all options except the secret. */
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

/** Output and abort signal of a simulation; `process` is compatible. */
export interface SimulationIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly signal?: AbortSignal | undefined;
}

const maxShownDifferences = 20;

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
    // More concurrent runs keep the time span of a long history at hours.
    concurrentRuns: Math.min(5000, Math.max(defaultHistoryOptions.concurrentRuns, Math.floor(deliveries / 200))),
  };
}

function* recorded(history: Iterable<SimulatedDelivery>, expectation: Expectation | undefined): Generator<SimulatedDelivery> {
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

async function reportCheck(options: SimulationOptions, url: string, expectation: Expectation, io: SimulationIo): Promise<boolean> {
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
  const shown = differences.slice(0, maxShownDifferences);
  const more = differences.length - shown.length;
  io.stderr.write(`The metrics are NOT as expected, after ${seconds.toFixed(1)} s; differences: ${differences.length}.\n`);
  for (const difference of shown) io.stderr.write(`  ${difference}\n`);
  if (more > 0) io.stderr.write(`  and ${more} more\n`);
  return false;
}

/**
 * Simulates GitHub: generates a history, sends it, and reports progress on stderr.
 * @returns the exit code: 1 if a delivery was refused or lost, the check failed or the simulation was aborted, else 0
 * @throws TypeError for an invalid URL
 */
export async function runSimulation(options: SimulationOptions, io: SimulationIo): Promise<number> {
  const history = historyOptions(options);
  const needsExpectation = options.expected || options.check !== undefined;
  const expectation = needsExpectation ? new Expectation({ bounds: options.bounds }) : undefined;
  io.stderr.write(`Sending ${options.deliveries} deliveries (seed ${options.seed}, start ${history.startTime.toISOString()}).\n`);

  const [before, after] = io.stderr.isTTY ? ["\r\u001B[2K", ""] : ["", "\n"];
  const summary = await sendDeliveries(recorded(generateHistory(history), expectation), {
    ...options,
    signal: io.signal,
    onProgress: (counts) => void io.stderr.write(`${before}${countsText(counts)}${after}`),
  });
  io.stderr.write(`${before}${summaryText(summary)}`);

  if (summary.firstTrouble && (summary.refused > 0 || summary.lost > 0)) {
    const hint = summary.firstTrouble.startsWith("401") ? " Check that the secret is the receiver's webhook secret." : "";
    io.stderr.write(`First rejected delivery: ${summary.firstTrouble}.${hint}\n`);
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
  const isRight = expectation && options.check ? await reportCheck(options, options.check, expectation, io) : true;
  return isRight && summary.refused === 0 && summary.lost === 0 ? 0 : 1;
}
