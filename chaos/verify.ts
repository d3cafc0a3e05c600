import { checkMetrics } from "../src/simulator/check.js";
import { differences, parseExposition } from "../src/simulator/compare.js";
import { countedIn } from "./bad-input/judge.js";
import { readStrictly } from "./exposition.js";
import type { Replica } from "./replica.js";
import type { Stage } from "./stage.js";
import { sleep, until } from "./waiting.js";

const FINISH_SECONDS = 30;
const SETTLE_SECONDS = 20;
/** Longer than the lease of an attempt (2 × PROCESSING_DEADLINE), after which other replicas repeat the attempt of a killed one. */
const RETRIED_SECONDS = 150;
/** Longer than the scrape cache. */
const FRESH_MS = 1_050;
/** Tolerance for ages, because replicas are read at slightly different times. */
const AGE_TOLERANCE = 3;
const SHOWN = 4;

/** Result of the verification after a case. */
export interface Verdict {
  readonly findings: readonly string[];
  /** Accepted deliveries that are not counted (lost) or counted more than once (doubled). */
  readonly lost: number;
  readonly doubled: number;
}

/** Waits until everything is delivered and processed, then compares /metrics of each replica with the exact expectation and checks the database. */
export async function verify(stage: Stage): Promise<Verdict> {
  const { traffic, replicas, expectation } = stage;
  const findings: string[] = [];
  await traffic.finish(FINISH_SECONDS);
  const { record } = traffic;
  if (record.accepted < record.deliveries) findings.push(`${record.deliveries - record.accepted} deliveries were never accepted`);
  // Rows that still wait are a finding below.
  await until("no further attempt is due", RETRIED_SECONDS, async () => (await rowsIn(stage, "retries")) === 0).catch(() => undefined);
  const expected = expectation.series();
  for (const replica of replicas) {
    if (replica.state !== "up") findings.push(`${replica.name} is ${replica.state}`);
    const url = new URL("metrics", replica.management).href;
    const { differences: found } = await checkMetrics({ url, expected, owners: expectation.owners(), seconds: SETTLE_SECONDS });
    findings.push(...few(found).map((finding) => `${replica.name}: ${finding}`));
    if (found.length > 0) break;
  }
  await sleep(FRESH_MS);
  const texts = await Promise.all(replicas.map((replica) => replica.text("metrics")));
  for (const [index, text] of texts.entries()) {
    const name = `replica ${index}`;
    const misprints = readStrictly(Buffer.from(text)).findings;
    findings.push(...few(misprints).map((finding) => `${name}: ${finding}`));
    const options = stage.isShared ? { owners: expectation.owners() } : {};
    const wrong = misprints.length > 0 ? [] : differences(expected, parseExposition(text), options);
    findings.push(...few(wrong).map((finding) => `${name}: ${finding}`));
    if (index > 0) findings.push(...few(disagreements(texts[0] ?? "", text)).map((finding) => `replica 0 and ${index}: ${finding}`));
  }
  findings.push(...(await lookInto(stage)), ...few(unique([...record.faults, ...stage.watch.faults, ...stage.faults])));
  findings.push(...few(unique(replicas.flatMap((replica: Replica) => replica.faults))));
  const actual = readStrictly(Buffer.from(texts[0] ?? "")).samples;
  const { lost, doubled } = stage.isShared ? await unbalanced(stage, actual) : miscounted(expected, actual);
  const [waiting, again] = [await rowsIn(stage, "inbox"), await rowsIn(stage, "retries")];
  if (waiting > 0) findings.push(`${waiting} rows are left in the inbox`);
  if (again > 0) findings.push(`${again} rows wait for a further attempt`);
  // Rows that still wait are late, not lost.
  return { findings: unique(findings), lost: Math.max(0, lost - waiting - again), doubled };
}

/** Each delivery increments github_events_total once, so its series show missing and extra deliveries. */
export function miscounted(expected: ReadonlyMap<string, number>, actual: ReadonlyMap<string, number>): { lost: number; doubled: number } {
  let lost = 0;
  let doubled = 0;
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    if (!key.startsWith("github_events_total{")) continue;
    const surplus = (actual.get(key) ?? 0) - (expected.get(key) ?? 0);
    if (surplus > 0) doubled += surplus;
    else lost -= surplus;
  }
  return { lost, doubled };
}

/** For cases with deliveries of their own: each stored delivery is counted or a dead letter. */
async function unbalanced(stage: Stage, actual: ReadonlyMap<string, number>): Promise<{ lost: number; doubled: number }> {
  const surplus = countedIn(actual) + (await rowsIn(stage, "dead_letters")) - (await rowsIn(stage, "delivery_ledger"));
  return { lost: Math.max(0, -surplus), doubled: Math.max(0, surplus) };
}

/** Differences between two replicas, without scrape durations; ages may differ by the time between the reads. */
export function disagreements(one: string, other: string): string[] {
  const [a, b] = [one, other].map((text) => new Map(text.split("\n").map((line) => line.split(/ (?=\S*$)/) as [string, string]))) as [
    Map<string, string>,
    Map<string, string>,
  ];
  const found: string[] = [];
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    if (key.startsWith("octogauge_collector_duration_seconds")) continue;
    const [left, right] = [a.get(key), b.get(key)];
    const near = key.includes("_age_seconds{") && Math.abs(Number(left) - Number(right)) <= AGE_TOLERANCE;
    if (left !== right && !near) found.push(`${key} is ${left} and ${right}`);
  }
  return found;
}

async function rowsIn({ postgres }: Stage, table: string): Promise<number> {
  const [row] = await postgres.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM octogauge.${table}`, [], "chaos");
  return row?.rows ?? NaN;
}

/** Checks the tables: the ledger has every accepted id, and every dead letter has a reason. */
async function lookInto(stage: Stage): Promise<string[]> {
  const findings: string[] = [];
  const dead = await rowsIn(stage, "dead_letters");
  const mute = await rowsIn(stage, "dead_letters WHERE '' IN (source, error_class, error)");
  if (dead > 0 && !stage.isShared) findings.push(`${dead} dead letters, of deliveries that are all processable`);
  if (mute > 0) findings.push(`${mute} dead letters without a reason`);
  const { postgres, traffic } = stage;
  for (const table of ["inbox", "retries", "dead_letters"]) {
    const torn = await rowsIn(
      stage,
      `${table} r WHERE pack IS NOT NULL AND NOT EXISTS (SELECT FROM octogauge.payload_packs p WHERE p.pack = r.pack)`,
    );
    if (torn > 0) findings.push(`${torn} rows of ${table} have a pack that is gone`);
  }
  const ledger = await postgres.query<{ id: string }>("SELECT delivery_id::text AS id FROM octogauge.delivery_ledger", [], "chaos");
  const known = new Set(ledger.map(({ id }) => id));
  const forgotten = [...traffic.record.acceptedIds()].filter((id) => !known.has(id));
  if (forgotten.length > 0) findings.push(`${forgotten.length} accepted ids are not in the ledger, such as ${forgotten[0]}`);
  return findings;
}

const few = (all: readonly string[]): string[] =>
  all.length <= SHOWN ? [...all] : [...all.slice(0, SHOWN), `and ${all.length - SHOWN} more`];
const unique = (all: readonly string[]): string[] => [...new Set(all)];
