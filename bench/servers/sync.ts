import "reflect-metadata";
import { Logger } from "@nestjs/common";
import { LabelPolicy } from "../../src/counters/label-policy.js";
import { Series } from "../../src/counters/series.js";
import { MetricDelta } from "../../src/counters/metric-delta.js";
import { sql } from "../../src/database/sql.js";
import { type Acceptance, type Delivery } from "../../src/intake/delivery.js";
import { readBody } from "../../src/events/read.js";
import { Batch } from "../../src/processing/batch.js";
import { writeJobs, writeRuns } from "../../src/processing/write-facts.js";
import { benchConfig, databaseOf, listenBefore } from "./parts.js";

// Processes each delivery inside its request, in one transaction: id, state, counters and histograms. Listener, statements and the
// pool of 10 are the product's; there is no inbox and no group commit.
// The counters of a delivery share one statement, which favours this variant.
Logger.overrideLogger(false);
const config = benchConfig();
const database = databaseOf(config);
await database.connect();
const policy = new LabelPolicy(config);
const series = new Series(policy, config);

await listenBefore({ accept: (delivery) => processAtOnce(delivery) }, config);

async function processAtOnce(delivery: Delivery): Promise<Acceptance> {
  const projection = readBody(delivery.event, delivery.form, delivery.body);
  let afterCommit = () => {};
  const acceptance = await database.transaction(async (transaction): Promise<Acceptance> => {
    const fresh = await sql(
      transaction,
      "INSERT INTO octogauge.delivery_ledger (delivery_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING delivery_id",
      [delivery.id],
    );
    if (fresh.length === 0) return "duplicate";
    const batch = new Batch(new MetricDelta(policy, config.HISTOGRAM_BUCKETS), policy);
    batch.add(projection, { id: delivery.id, event: delivery.event, receivedAt: Date.now() });
    await writeJobs(transaction, batch.delta, batch.jobs);
    await writeRuns(transaction, batch.delta, batch.runs);
    afterCommit = await series.add(transaction, batch.delta.increments);
    return "accepted";
  });
  afterCommit();
  return acceptance;
}
