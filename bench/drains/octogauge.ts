import "reflect-metadata";
import { randomUUID } from "node:crypto";
import { NestFactory } from "@nestjs/core";
import { AppModule } from "../../src/app.module.js";
import { Rollup } from "../../src/counters/rollup.js";
import { Database } from "../../src/database/database.js";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { Queue } from "../../src/queue/queue.js";
import { benchConfig } from "../servers/parts.js";
import { rollUpEverySecond } from "../rollups.js";
import { report } from "./report.js";

// The product's processing: full state, counters and histograms, WORKER_CONCURRENCY loops.
const config = benchConfig({ MODE: "worker" });
const application = await NestFactory.createApplicationContext(await AppModule.for(config), { logger: false });
await application.get(Database).connect();
const processor = application.get(BatchProcessor, { strict: false });
const queue = application.get(Queue, { strict: false });
const rollup = application.get(Rollup, { strict: false });
await report(async () => {
  const stopRollups = rollUpEverySecond(rollup);
  const drain = async () => {
    const name = randomUUID();
    let processed = 0;
    for (let batch = -1; batch !== 0; processed += batch) {
      batch = (await processor.processBatch(name)).count;
      if (batch > 0) continue;
      // Rows behind the cursor, which another loop gave back.
      queue.requestFullScan();
      batch = (await processor.processBatch(name)).count;
    }
    return processed;
  };
  const counts = await Promise.all(Array.from({ length: config.WORKER_CONCURRENCY }, drain));
  await stopRollups();
  return counts.reduce((sum, count) => sum + count, 0);
});
