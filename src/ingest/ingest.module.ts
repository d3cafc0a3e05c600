import { Module } from "@nestjs/common";
import { InboxModule } from "../inbox/inbox.module.js";
import { AdmissionControl } from "./admission.js";
import { ingestMetricProviders, IngestMetrics } from "./ingest.metrics.js";
import { PublicListener } from "./public-listener.js";
import { WebhookController } from "./webhook.controller.js";

/** Enters: bytes from the Internet. Leaves: authentic deliveries, into the inbox. Nobody imports this room. */
@Module({
  imports: [InboxModule],
  providers: [AdmissionControl, WebhookController, PublicListener, IngestMetrics, ...ingestMetricProviders],
  exports: [PublicListener],
})
export class IngestModule {}
