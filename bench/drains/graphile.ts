import { Logger, run } from "graphile-worker";
import { report } from "./report.js";

// No-op jobs. BATCHED=1: local queue and batched completions, the fast settings of its documentation.
const expected = Number(process.env["COUNT"]);
const batched = process.env["BATCHED"] === "1";
await report(
  () =>
    new Promise((resolve, reject) => {
      let done = 0;
      void run({
        connectionString: process.env["DATABASE_URL"]!,
        logger: new Logger(() => () => undefined),
        taskList: {
          delivery: async () => {
            done += 1;
            if (done === expected) setTimeout(() => resolve(done), 0);
          },
        },
        preset: {
          worker: batched
            ? { concurrentJobs: 24, maxPoolSize: 10, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
            : { concurrentJobs: 24, maxPoolSize: 10 },
        },
      }).catch(reject);
    }),
);
