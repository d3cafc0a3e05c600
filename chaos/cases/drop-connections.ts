import type { ChaosCase } from "../case.js";
import { sleep } from "../waiting.js";

export const dropConnections: ChaosCase = {
  name: "drop-connections",
  what: "pg_terminate_backend of all of Octogauge's connections every second",
  seconds: 15,
  shortSeconds: 4,
  async run(stage, seconds) {
    for (let drops = 0; drops < seconds - 1; drops += 1) {
      const next = sleep(1_000);
      await stage.postgres.dropConnections();
      await next;
    }
    await stage.outage(
      0,
      () => stage.postgres.dropConnections(),
      () => undefined,
    );
  },
};
