import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/catalogue.js";
import { Database } from "../../database/database.js";
import { countOpenRuns } from "../../workflow-state/open.sql.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { OpenGauges } from "../open-gauges.js";

/** Run attempts that are open now. */
@Injectable()
export class RunsCollector implements Collector {
  readonly name = "runs";

  constructor(
    private readonly database: Database,
    private readonly gauges: OpenGauges,
  ) {}

  async collect(): Promise<readonly CollectedFamily[]> {
    const rows = await countOpenRuns(this.database);
    return [this.gauges.gauge(GAUGES.runs, rows, (row) => ({ labels: [row.owner, row.repo, row.workflow, row.status], value: row.count }))];
  }
}
