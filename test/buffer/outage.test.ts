import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { ChaosPostgres, SERVICE } from "../../chaos/postgres.js";
import { parseExposition } from "../../src/simulator/compare.js";
import { BROKERS } from "../support/brokers.js";
import { Replica } from "../support/replica.js";
import { roundRobin } from "../support/round-robin.js";
import { expectMetrics, simulate } from "../support/simulation.js";

/** Duration of the PostgreSQL outage in seconds. */
const OUTAGE = Number(process.env["OCTOGAUGE_OUTAGE_SECONDS"] ?? 8);
const RATE = 80;
const BEFORE = 3;
const AFTER = 4;
const SEED = Number(process.env["SIMULATION_SEED"] ?? 4711);

async function ownPostgres(): Promise<ChaosPostgres> {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-outage-"));
  // Started by root, the database runs as an unprivileged user, so the path must be accessible.
  chmodSync(directory, 0o755);
  const postgres = await ChaosPostgres.create(join(directory, "data"));
  onTestFinished(async () => {
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return postgres;
}

const publishedBy = async (replica: Replica): Promise<number> => {
  const text = await (await fetch(`${replica.management}/metrics/process`)).text();
  return parseExposition(text).get('octogauge_buffer_published_total{outcome="stored"}') ?? 0;
};

describe.each(BROKERS)("%s", (kind, isThere, prepare) => {
  it.skipIf(!isThere)("three gateways and three workers refuse nothing during a PostgreSQL outage and count all once", async () => {
    const broker = await prepare();
    await broker.server.start();
    const postgres = await ownPostgres();
    const start = (mode: string) => Replica.start(postgres.urlOf(SERVICE), { ...broker.environment, MODE: mode, LOG_LEVEL: "fatal" });
    // The first process migrates the database.
    const first = await start("gateway");
    const [second, third] = await Promise.all([start("gateway"), start("gateway")]);
    const workers = await Promise.all([start("worker"), start("worker"), start("worker")]);
    const gateways = [first, second, third];
    const balancer = { webhook: await roundRobin(gateways.map(({ webhook }) => webhook)) } as Replica;

    let outage: Promise<void> | undefined;
    const away = async () => {
      await postgres.stop();
      await sleep(OUTAGE * 1_000);
      await postgres.start();
    };
    const onTaken = (taken: number) => {
      if (taken === BEFORE * RATE) outage = away();
    };
    const sending = { rate: RATE, redeliver: false };
    const { expectation, summary } = await simulate([balancer], SEED, RATE * (BEFORE + OUTAGE + AFTER), onTaken, sending);
    await outage;
    const { sent, accepted, duplicates, refused, lost, longest, p99, firstTrouble } = summary;
    const buffered = (await Promise.all(gateways.map(publishedBy))).reduce((sum, count) => sum + count, 0);
    console.log(
      `${kind}, seed ${SEED}, PostgreSQL away for ${OUTAGE} s: ${sent} sent, ${accepted + duplicates} answered 202 at the first try, ` +
        `${buffered} buffered, p99 ${Math.round(p99)} ms, longest answer ${Math.round(longest)} ms`,
    );
    expect({ refused, lost, firstTrouble }).toEqual({ refused: 0, lost: 0, firstTrouble: undefined });
    expect(buffered).toBeGreaterThan((RATE * OUTAGE) / 2);
    await expectMetrics([...gateways, ...workers], expectation);
  });
});
