import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/config.js";
import { Database } from "../database/database.js";
import { Leadership } from "../database/leadership.js";
import { SchemaGate } from "../database/schema-gate.js";
import { sql } from "../database/sql.js";
import { STATE } from "./facts.js";

const BATCH = 2_000;

const deleteOld = (table: string) => `
  WITH old AS MATERIALIZED (
    SELECT ctid FROM octogauge.${table} WHERE changed_at < now() - make_interval(secs => $1) AND state <> ${STATE.open}
    LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM octogauge.${table} t USING old WHERE t.ctid = old.ctid RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

const DELETE_JOBS = deleteOld("workflow_jobs");
const DELETE_RUNS = deleteOld("workflow_runs");

const DELETE_LOOKUPS = `
  DELETE FROM octogauge.lookups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM octogauge.lookups WHERE asked_at < now() - make_interval(secs => $1) LIMIT ${BATCH}))`;

/** Deletes finished runs and jobs after STATE_RETENTION. The counters do not change. */
@Injectable()
export class StateRetention extends BackgroundLoop {
  constructor(
    private readonly database: Database,
    private readonly leadership: Leadership,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super("workflow-state/retention", config.RETENTION_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if ((await this.leadership.lead("retention")) === undefined) return "idle";
    const jobs = await this.#deleteOld(DELETE_JOBS);
    const runs = await this.#deleteOld(DELETE_RUNS);
    await sql(this.database, DELETE_LOOKUPS, [this.config.STATE_RETENTION]);
    return Math.max(jobs, runs) >= BATCH ? "again" : "idle";
  }

  async #deleteOld(statement: string): Promise<number> {
    const [row] = await sql<{ count: number }>(this.database, statement, [this.config.STATE_RETENTION]);
    return row?.count ?? 0;
  }
}
