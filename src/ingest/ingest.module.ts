import { type DynamicModule, Module } from "@nestjs/common";
import { GroupCommit } from "../intake/group-commit.js";
import { IntakeModule } from "../intake/intake.module.js";
import { Intake } from "../intake/index.js";
import { AdmissionControl } from "./admission.js";
import { ingestMetricProviders, IngestMetrics } from "./ingest.metrics.js";
import { PublicListener } from "./public-listener.js";
import { Senders } from "./senders.js";
import { WebhookHandler } from "./webhook-handler.js";

/** Receives deliveries from the Internet, verifies them, and stores them in the inbox or the buffer. No other room imports this one. */
@Module({})
export class IngestModule {
  /** @param before a module that exports another {@link Intake} than the inbox */
  static with(before?: DynamicModule["module"]): DynamicModule {
    return {
      module: IngestModule,
      imports: [before ?? IntakeModule],
      providers: [
        AdmissionControl,
        Senders,
        WebhookHandler,
        PublicListener,
        IngestMetrics,
        ...ingestMetricProviders,
        ...(before ? [] : [{ provide: Intake, useExisting: GroupCommit }]),
      ],
      exports: [PublicListener],
    };
  }
}
