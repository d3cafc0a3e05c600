import type { ChaosCase } from "../case.js";
import { holdDelivery } from "../held-delivery.js";
import { sleep, until } from "../waiting.js";

/** The default of DRAIN_TIMEOUT. */
const DRAIN_SECONDS = 25;
/** So that the replica has read the head before the signal. */
const HEAD_START_MS = 200;
const HOLD_MS = 300;

export const rolling: ChaosCase = {
  name: "rolling",
  what: "all replicas replaced by SIGTERM, one after the other, round after round",
  seconds: 20,
  shortSeconds: 4,
  async run(stage, seconds) {
    const { replicas, traffic, watch, faults, notes } = stage;
    const end = performance.now() + seconds * 1_000;
    let slowest = 0;
    let replaced = 0;
    do {
      for (const replica of replicas) {
        // One delivery is half sent when the signal comes, and has to be taken all the same.
        const finish = await holdDelivery(stage, replica.webhook);
        await sleep(HEAD_START_MS);
        const ending = replica.end("SIGTERM");
        await sleep(HOLD_MS);
        const answer = await finish();
        if (!answer.includes(" 202 ")) faults.push(`${replica.name} cut off a delivery on SIGTERM: ${answer || "no answer"}`);
        const { code, seconds: taken } = await ending;
        slowest = Math.max(slowest, taken);
        replaced += 1;
        if (code !== 0) faults.push(`${replica.name} ended with ${code} on SIGTERM`);
        if (taken > DRAIN_SECONDS) faults.push(`${replica.name} took ${taken.toFixed(1)} s to end`);
        const began = performance.now();
        await replica.start();
        await until(
          `${replica.name} works`,
          20,
          () => watch.readySince(replica.index, began) && traffic.record.lastOk(replica.index) >= began,
        );
      }
    } while (performance.now() < end);
    notes.push(`${replaced} replaced, slowest stop ${slowest.toFixed(1)} s`);
  },
};
