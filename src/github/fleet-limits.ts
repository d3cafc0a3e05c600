import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Database, type Queryable } from "../database/index.js";
import { Limits, type PauseReason, type RateLimit, type Wait } from "./limits.js";
import { endCredentialsPause, noteRate, pausePrincipal, takeWrite, waitOf } from "./limits.sql.js";

/** Stores GitHub's limits in PostgreSQL, so that a pause applies to all replicas. */
@Injectable()
export class FleetLimits extends Limits {
  constructor(
    @Inject(Database) private readonly database: Queryable,
    @Inject(CONFIG) private readonly config: Pick<Config, "GITHUB_WRITE_INTERVAL">,
  ) {
    super();
  }

  wait(principal: string, reserve: number, fingerprint: string): Promise<Wait | undefined> {
    return waitOf(this.database, principal, reserve, fingerprint);
  }

  accepted(principal: string): Promise<void> {
    return endCredentialsPause(this.database, principal);
  }

  note(principal: string, rate: RateLimit): Promise<void> {
    return noteRate(this.database, principal, rate);
  }

  pause(principal: string, reason: PauseReason, seconds: number | undefined, fingerprint: string): Promise<number> {
    return pausePrincipal(this.database, principal, reason, seconds, fingerprint);
  }

  takeWrite(): Promise<number> {
    return takeWrite(this.database, this.config.GITHUB_WRITE_INTERVAL);
  }
}
