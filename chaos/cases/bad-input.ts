import { assault, MAX_BODY_BYTES } from "../bad-input/assault.js";
import { DEAD, type Evidence, judge, LEDGER } from "../bad-input/judge.js";
import { deliverMarker } from "../bad-input/marker.js";
import type { ChaosCase } from "../case.js";
import { sleep, until } from "../waiting.js";

/** Requests per second of the case. */
const PACE = 400;
const MOST_MEBIBYTES = 512;

export const badInput: ChaosCase = {
  name: "bad-input",
  what: "generated invalid requests beside the traffic: heads, framing, bodies, signatures, names that could break out of labels",
  seconds: 30,
  needs: { rate: 20, environment: () => ({ MAX_BODY_BYTES: String(MAX_BODY_BYTES) }) },
  async run(stage, seconds) {
    const { replicas, postgres, faults, notes, traffic } = stage;
    stage.othersDeliver();
    const [victim] = replicas;
    if (!victim) return;
    const { incarnation } = victim;
    if ((await deliverMarker(victim.webhook)) !== 202) faults.push("the marker was not accepted");
    const result = await assault(victim.webhook, seconds * PACE, stage.random.int(0, 2 ** 31 - 1));
    await traffic.finish(10);
    await until(
      "the inbox is empty",
      20,
      async () =>
        (await postgres.query("(SELECT FROM octogauge.inbox LIMIT 1) UNION ALL (SELECT FROM octogauge.retries LIMIT 1)", [], "chaos"))
          .length === 0,
    );
    // Wait for the scrape cache of a second.
    await sleep(1_050);
    const evidence: Evidence = {
      ledger: await postgres.query(LEDGER, [], "chaos"),
      dead: await postgres.query(DEAD, [], "chaos"),
      metrics: Buffer.from(await victim.text("metrics")),
    };
    faults.push(...judge(result, evidence));
    if (victim.incarnation !== incarnation || victim.state !== "up") faults.push(`${victim.name} restarted or crashed`);
    const memory = victim.peakMemory();
    if (memory > MOST_MEBIBYTES) faults.push(`${victim.name} used ${memory.toFixed(0)} MiB`);
    const statuses = [...result.byStatus].toSorted(([a], [b]) => a - b).map(([status, count]) => `${count} x ${status || "closed"}`);
    notes.push(`${result.requests} bad requests: ${statuses.join(", ")}; ${evidence.dead.length} dead letters`);
  },
};
