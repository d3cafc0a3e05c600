import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { COUNTERS, Counters, type Family, LabelPolicy, type MetricDelta } from "../counters/index.js";
import { Database, SchemaGate } from "../database/index.js";
import { closeLeftOpen, loseJobs, loseRuns, type Lost } from "../workflow-state/index.js";

const BATCH = 1_000;
/** With credentials, for what GitHub was not asked for yet. Seconds. */
const PATIENCE = 86_400;

/** Truth rule 6: what is open for longer than GitHub allows is lost, said so, and no longer in the gauges. */
@Injectable()
export class LostLoop extends BackgroundLoop {
  constructor(
    private readonly database: Database,
    private readonly counters: Counters,
    private readonly policy: LabelPolicy,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super("reconcile/lost", config.LOST_CHECK_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    await closeLeftOpen(this.database);
    const { JOB_QUEUED_LIMIT, JOB_RUNNING_LIMIT, RUN_LIMIT, GITHUB_TOKEN, GITHUB_APP_ID } = this.config;
    const delta = this.counters.newDelta();
    const patience = GITHUB_TOKEN === undefined && GITHUB_APP_ID === undefined ? 0 : PATIENCE;
    let most = 0;
    await this.database.transaction(async (transaction) => {
      const jobs = await loseJobs(
        transaction,
        { queued: JOB_QUEUED_LIMIT, running: JOB_RUNNING_LIMIT, waiting: RUN_LIMIT },
        BATCH,
        patience,
      );
      const runs = await loseRuns(transaction, RUN_LIMIT, BATCH, patience);
      this.#count(delta, COUNTERS.jobsLost, jobs);
      this.#count(delta, COUNTERS.runsLost, runs);
      most = Math.max(jobs.length, runs.length);
      await this.counters.write(transaction, delta);
    });
    return most >= BATCH ? "again" : "idle";
  }

  #count(delta: MetricDelta, family: Family, lost: readonly Lost[]): void {
    for (const { owner, repo, first } of lost) if (first && this.policy.measures(owner, repo)) delta.add(family, [owner, repo]);
    if (lost.length > 0) this.logger.warn(`${lost.length} open for longer than GitHub allows: ${family.name}`);
  }
}
