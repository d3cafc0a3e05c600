import { Counter, Gauge, Histogram } from "prom-client";
import { type Config, loadConfig } from "../../src/config/config.js";
import { LiveConfig } from "../../src/config/live-config.js";
import { Database } from "../../src/database/database.js";
import { DatabaseMetrics } from "../../src/database/database.metrics.js";
import type { GroupCommit } from "../../src/intake/group-commit.js";
import { tuneHeap } from "../../src/heap.js";
import { AdmissionControl } from "../../src/ingest/admission.js";
import { IngestMetrics } from "../../src/ingest/ingest.metrics.js";
import { PublicListener } from "../../src/ingest/public-listener.js";
import { Senders } from "../../src/ingest/senders.js";
import { Tracing } from "../../src/tracing/tracing.js";
import { WebhookHandler } from "../../src/ingest/webhook-handler.js";
import { SECRET } from "../payloads.js";

/** The configuration of a benchmarked process: the defaults, on free ports. */
export function benchConfig(overrides: Record<string, string> = {}): Config {
  return loadConfig({
    DATABASE_URL: "postgres://localhost/unused",
    ...process.env,
    GITHUB_WEBHOOK_SECRET: SECRET,
    HOST: "127.0.0.1",
    MANAGEMENT_HOST: "127.0.0.1",
    PORT: "0",
    MANAGEMENT_PORT: "0",
    LOG_LEVEL: "error",
    ...overrides,
  });
}

/** The product's database, with metrics outside the registry. */
export const databaseOf = (config: Config): Database =>
  new Database(
    config,
    new LiveConfig(config),
    new DatabaseMetrics(
      new Histogram({ name: "database_seconds", help: "seconds", labelNames: ["result"], registers: [] }),
      new Counter({ name: "database_failures", help: "failures", labelNames: ["kind"], registers: [] }),
    ),
  );

/** The product's public listener with an inbox of the benchmark. */
export async function listenBefore(inbox: Pick<GroupCommit, "accept">, config: Config): Promise<void> {
  tuneHeap();
  const metrics = new IngestMetrics(
    new Histogram({ name: "seconds", help: "seconds", labelNames: ["status"], registers: [], enableExemplars: true }),
    new Counter({ name: "outcomes", help: "outcomes", labelNames: ["outcome"] }),
    new Counter({ name: "secrets", help: "secrets", labelNames: ["secret"] }),
    new Gauge({ name: "requests", help: "requests", registers: [] }),
    new Gauge({ name: "bytes", help: "bytes", registers: [] }),
  );
  const listener = new PublicListener(
    new WebhookHandler(inbox as GroupCommit, new AdmissionControl(config), metrics, new LiveConfig(config), config),
    new Senders(config),
    metrics,
    new Tracing(),
    config,
  );
  await listener.listen();
  console.log(JSON.stringify({ port: Number(new URL(listener.url).port) }));
}
