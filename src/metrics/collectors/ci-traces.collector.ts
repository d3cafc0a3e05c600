import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { readPendingTraces } from "../../ci-traces/pending.sql.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";

/** The traces of finished runs that are yet to be sent. */
@Injectable()
export class CiTracesCollector implements Collector {
  readonly name = "ci_traces";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const [pending, oldest] = [new Samples(GAUGES.ciTracesPending), new Samples(GAUGES.ciTracesOldest)];
    const traces = await readPendingTraces(on);
    pending.set([], traces.pending);
    oldest.set([], Math.round(traces.oldestAge));
    return [pending.collected(), oldest.collected()];
  }
}
