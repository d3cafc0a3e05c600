import { type DynamicModule, Module } from "@nestjs/common";
import { GroupCommit } from "../intake/group-commit.js";
import { IntakeModule } from "../intake/intake.module.js";
import { Intake } from "../intake/index.js";
import { AdmissionControl } from "./admission.js";
import { ingestMetricProviders, IngestMetrics } from "./ingest.metrics.js";
import { PublicListener } from "./public-listener.js";
import { Senders } from "./senders.js";
import { WebhookHandler } from "./webhook-handler.js";

/** Enters: bytes from the Internet. Leaves: authentic deliveries, into the inbox or what stands before it. Nobody imports this room. */
@Module({})
export class IngestModule {
  /** @param before a module that exports another {@link Intake} than the inbox itself */
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
