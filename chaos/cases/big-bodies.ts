import { randomBytes, randomUUID } from "node:crypto";
import { Agent } from "node:http";
import { signatureOf } from "../../src/simulator/post.js";
import type { ChaosCase } from "../case.js";
import { postOnce } from "../post.js";
import { type Replica, SECRET } from "../replica.js";
import type { Stage } from "../stage.js";
import { TrafficRecord } from "../traffic-record.js";
import { sleep } from "../waiting.js";

/** GitHub's limit. */
const BODY_BYTES = 25 * 1_048_576;
const AT_ONCE = 3;
/** Maximum latency of small deliveries. */
const SMALL_LIMIT_SECONDS = 5;
const MOST_MEBIBYTES = 1_024;
const PAUSE_MS = 500;
const COUNTED = '{"action":"big"}';

/** A random body, because a compressible one would be stored small. */
function bigBody(): Buffer {
  const start = '{"action":"big","padding":"';
  const noise = randomBytes(BODY_BYTES).toString("base64");
  return Buffer.from(`${start}${noise.slice(0, BODY_BYTES - start.length - 2)}"}`);
}

/** Posts large bodies one after the other to one replica, and repeats refused ones until they are accepted. */
async function postBig({ expectation }: Stage, target: Replica, body: Buffer, until: number, record: TrafficRecord): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const signature = signatureOf(SECRET, body);
  while (performance.now() < until) {
    const delivery = { deliveryId: randomUUID(), event: "star", hookId: 1, body, signature };
    expectation.add({ deliveryId: delivery.deliveryId, event: "star", body: COUNTED });
    record.took(delivery.deliveryId);
    const giveUp = performance.now() + 30_000;
    while (!record.note(delivery.deliveryId, target.index, await postOnce(target.webhook, delivery, agent), true)) {
      if (performance.now() > giveUp) break;
      await sleep(PAUSE_MS);
    }
  }
  agent.destroy();
}

export const bigBodies: ChaosCase = {
  name: "big-bodies",
  what: `${AT_ONCE} signed bodies of 25 MB at once to one replica, repeatedly, beside small deliveries`,
  seconds: 20,
  needs: { rate: 60 },
  async run(stage, seconds) {
    const { traffic, faults, notes, replicas } = stage;
    const [target] = replicas;
    if (!target) return;
    const body = bigBody();
    const record = new TrafficRecord();
    const until = performance.now() + seconds * 1_000;
    await Promise.all(Array.from({ length: AT_ONCE }, () => postBig(stage, target, body, until, record)));
    faults.push(...record.faults.map((fault) => `big: ${fault}`));
    if (record.accepted < record.deliveries) faults.push(`${record.deliveries - record.accepted} large deliveries were never accepted`);
    const { longestAccepted, refused } = traffic.record;
    if (longestAccepted > SMALL_LIMIT_SECONDS) faults.push(`a small delivery waited ${longestAccepted.toFixed(1)} s for its 202`);
    if (refused > 0) faults.push(`${refused} small deliveries were refused`);
    const memory = Math.max(...replicas.map((replica) => replica.peakMemory()));
    if (memory > MOST_MEBIBYTES) faults.push(`a replica used ${memory.toFixed(0)} MiB`);
    notes.push(
      `${record.accepted} big ones, longest ${record.longest.toFixed(1)} s, refused ${record.refused} times; small ones at most ${longestAccepted.toFixed(1)} s`,
    );
  },
};
