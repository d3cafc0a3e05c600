import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { countOpenJobs, type OpenJobs } from "../../workflow-state/index.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { OpenGauges } from "../open-gauges.js";

/** Jobs that are open now, and how long the oldest of them have been queued or running. */
@Injectable()
export class JobsCollector implements Collector {
  readonly name = "jobs";

  constructor(private readonly gauges: OpenGauges) {}

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const rows = await countOpenJobs(on);
    const oldest = (row: OpenJobs) => ({ labels: [row.owner, row.repo, row.runsOn], value: Math.round(row.oldestAge) });
    const withStatus = (status: string) => rows.filter((row) => row.status === status);
    return [
      this.gauges.gauge(GAUGES.jobs, rows, (row) => ({
        labels: [row.owner, row.repo, row.workflow, row.runsOn, row.status],
        value: row.count,
      })),
      this.gauges.gauge(GAUGES.oldestQueued, withStatus("queued"), oldest, Math.max),
      this.gauges.gauge(GAUGES.oldestRunning, withStatus("in_progress"), oldest, Math.max),
    ];
  }
}
