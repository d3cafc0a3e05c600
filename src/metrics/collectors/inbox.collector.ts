import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { readBacklog } from "../../queue/backlog.sql.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";

/** What waits in the inbox, by priority. */
@Injectable()
export class InboxCollector implements Collector {
  readonly name = "inbox";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const pending = new Samples(GAUGES.inboxPending);
    const [surplus, delayed] = [new Samples(GAUGES.inboxSurplus), new Samples(GAUGES.inboxDelayed)];
    const [oldest, oldestSurplus] = [new Samples(GAUGES.inboxOldest), new Samples(GAUGES.inboxOldestSurplus)];
    for (const lane of await readBacklog(on)) {
      pending.set([String(lane.priority)], lane.pending);
      surplus.set([String(lane.priority)], lane.surplus);
      delayed.set([String(lane.priority)], lane.delayed);
      oldest.set([String(lane.priority)], Math.round(lane.oldestAge));
      oldestSurplus.set([String(lane.priority)], Math.round(lane.oldestSurplusAge));
    }
    return [pending.collected(), surplus.collected(), delayed.collected(), oldest.collected(), oldestSurplus.collected()];
  }
}
