import type { ChaosCase } from "../case.js";
import { sleep } from "../waiting.js";

const EVERY_MS = 5_000;

export const restartPostgres: ChaosCase = {
  name: "restart-postgres",
  what: "PostgreSQL restarts every 5 s, alternating fast and immediate shutdown",
  seconds: 20,
  shortSeconds: 10,
  async run(stage, seconds) {
    const end = performance.now() + seconds * 1_000;
    let restarts = 0;
    for (; performance.now() < end; restarts += 1) {
      const next = sleep(EVERY_MS);
      const how = restarts % 2 === 0 ? "fast" : "immediate";
      await stage.outage(
        0,
        () => stage.postgres.stop(how),
        () => stage.postgres.start(),
      );
      await next;
    }
    stage.notes.push(`${restarts} restarts`);
  },
};
