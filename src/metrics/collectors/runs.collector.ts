import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { countOpenRuns } from "../../workflow-state/index.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { OpenGauges } from "../open-gauges.js";

/** Run attempts that are open now. */
@Injectable()
export class RunsCollector implements Collector {
  readonly name = "runs";

  constructor(private readonly gauges: OpenGauges) {}

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const rows = await countOpenRuns(on);
    return [this.gauges.gauge(GAUGES.runs, rows, (row) => ({ labels: [row.owner, row.repo, row.workflow, row.status], value: row.count }))];
  }
}
