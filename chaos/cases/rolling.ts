import type { ChaosCase } from "../case.js";
import { holdDelivery } from "../held-delivery.js";
import { sleep, until } from "../waiting.js";

/** The default of DRAIN_TIMEOUT. */
const DRAIN_SECONDS = 25;
/** The replica needs this time to read the head before the signal. */
const HEAD_START_MS = 200;
const HOLD_MS = 300;

export const rolling: ChaosCase = {
  name: "rolling",
  what: "all replicas are restarted by SIGTERM, one after the other, in several rounds",
  seconds: 20,
  shortSeconds: 4,
  async run(stage, seconds) {
    const { replicas, traffic, watch, faults, notes } = stage;
    const end = performance.now() + seconds * 1_000;
    let slowest = 0;
    let replaced = 0;
    do {
      for (const replica of replicas) {
        // At the signal, one delivery is half sent; it must be accepted.
        const finish = await holdDelivery(stage, replica.webhook);
        await sleep(HEAD_START_MS);
        const ending = replica.end("SIGTERM");
        await sleep(HOLD_MS);
        const answer = await finish();
        if (!answer.includes(" 202 ")) faults.push(`${replica.name} aborted a delivery on SIGTERM: ${answer || "no answer"}`);
        const { code, seconds: taken } = await ending;
        slowest = Math.max(slowest, taken);
        replaced += 1;
        if (code !== 0) faults.push(`${replica.name} exited with ${code} on SIGTERM`);
        if (taken > DRAIN_SECONDS) faults.push(`${replica.name} took ${taken.toFixed(1)} s to stop`);
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
