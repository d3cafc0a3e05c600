import { Inject, Injectable } from "@nestjs/common";
import { RetentionLoop } from "../background/retention-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { Database, Leadership, SchemaGate, sql } from "../database/index.js";
import { STATE } from "./facts.js";

const BATCH = 2_000;

const deleteFinished = (table: string) => `
  WITH old AS MATERIALIZED (
    SELECT ctid FROM octogauge.${table} WHERE changed_at < now() - make_interval(secs => $1) AND state <> ${STATE.open}
    LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM octogauge.${table} t USING old WHERE t.ctid = old.ctid RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

const DELETE_JOBS = deleteFinished("workflow_jobs");
const DELETE_RUNS = deleteFinished("workflow_runs");

const DELETE_LOOKUPS = `
  DELETE FROM octogauge.lookups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM octogauge.lookups WHERE asked_at < now() - make_interval(secs => $1) LIMIT ${BATCH}))`;

/** Forgets finished runs and jobs after STATE_RETENTION; the counters keep what they counted. */
@Injectable()
export class StateRetention extends RetentionLoop {
  constructor(
    private readonly database: Database,
    leadership: Leadership,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super("workflow-state/retention", config.RETENTION_INTERVAL, schema.ready, leadership);
  }

  protected async deleteOld(): Promise<boolean> {
    const jobs = await this.#deleted(DELETE_JOBS);
    const runs = await this.#deleted(DELETE_RUNS);
    await sql(this.database, DELETE_LOOKUPS, [this.config.STATE_RETENTION]);
    return Math.max(jobs, runs) >= BATCH;
  }

  async #deleted(statement: string): Promise<number> {
    const [row] = await sql<{ count: number }>(this.database, statement, [this.config.STATE_RETENTION]);
    return row?.count ?? 0;
  }
}
