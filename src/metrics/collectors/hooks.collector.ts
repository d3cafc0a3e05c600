import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { readHooks } from "../../reconcile/audited-hooks.sql.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";

/** How far the delivery logs are audited. */
@Injectable()
export class HooksCollector implements Collector {
  readonly name = "hooks";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const [verified, audit, missing] = [new Samples(GAUGES.hookVerified), new Samples(GAUGES.hookAudit), new Samples(GAUGES.hookMissing)];
    for (const state of await readHooks(on)) {
      verified.set([state.hook], state.verifiedUntil);
      audit.set([state.hook], state.fails ? 0 : 1);
      missing.set([state.hook], state.missing);
    }
    return [verified.collected(), audit.collected(), missing.collected()];
  }
}
