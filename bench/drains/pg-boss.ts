import PgBoss from "pg-boss";
import { report } from "./report.js";

// No-op jobs, four pollers with batches of 500.
const expected = Number(process.env["COUNT"]);
const boss = new PgBoss({ connectionString: process.env["DATABASE_URL"]!, supervise: false, schedule: false });
boss.on("error", () => undefined);
await boss.start();
await report(
  () =>
    new Promise((resolve) => {
      let done = 0;
      for (let poller = 0; poller < 4; poller += 1) {
        void boss.work("delivery", { batchSize: 500, pollingIntervalSeconds: 0.5 }, async (jobs) => {
          done += jobs.length;
          if (done === expected) resolve(done);
        });
      }
    }),
);
