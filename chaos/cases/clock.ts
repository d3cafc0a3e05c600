import type { ChaosCase } from "../case.js";
import { sleep } from "../waiting.js";

const TEN_MINUTES_MS = 600_000;
/** Replica 1 is ahead, replica 2 behind. */
const SHIFT_MS: Readonly<Record<number, number>> = { 1: TEN_MINUTES_MS, 2: -TEN_MINUTES_MS };

export const clock: ChaosCase = {
  name: "clock",
  what: "the clock of one replica is 10 minutes ahead, that of another 10 minutes behind",
  seconds: 15,
  needs: {
    environment: (index) => ({
      CLOCK_SHIFT_MS: String(SHIFT_MS[index] ?? 0),
      NODE_OPTIONS: `--import=${new URL("../shift-clock.js", import.meta.url).href}`,
    }),
  },
  async run({ replicas, faults }, seconds) {
    await sleep(seconds * 1_000);
    for (const replica of replicas) {
      // prom-client uses the clock of the process.
      const text = await replica.text("metrics/process");
      const startedAt = Number(/^process_start_time_seconds (\d+)/m.exec(text)?.[1]) * 1_000;
      const shift = startedAt - (Date.now() - (performance.now() - replica.startedAt));
      if (!(Math.abs(shift - (SHIFT_MS[replica.index] ?? 0)) < 5_000)) {
        faults.push(`the clock of ${replica.name} was off by ${shift.toFixed(0)} ms: the case had no effect`);
      }
    }
  },
};
