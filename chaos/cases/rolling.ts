import type { ChaosCase } from "../case.js";
import { until } from "../waiting.js";

/** The default of DRAIN_TIMEOUT. */
const DRAIN_SECONDS = 25;

export const rolling: ChaosCase = {
  name: "rolling",
  what: "all replicas replaced by SIGTERM, one after the other, round after round",
  seconds: 20,
  shortSeconds: 8,
  async run({ replicas, traffic, watch, faults, notes }, seconds) {
    const end = performance.now() + seconds * 1_000;
    let slowest = 0;
    let replaced = 0;
    do {
      for (const replica of replicas) {
        const { code, seconds: taken } = await replica.end("SIGTERM");
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
