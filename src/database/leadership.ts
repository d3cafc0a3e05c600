import { Injectable, type OnModuleDestroy } from "@nestjs/common";
import { randomUUID } from "node:crypto";
import { Database } from "./database.js";
import { sql } from "./sql.js";

/** Work that one process of the fleet does for all. */
export type LeaderRole = "retention" | "audit" | "lookup";

/** A leader that is not heard of for so long is followed by another. Seconds. */
const TERM = 60;

// A row with a time to live, by the database's clock: a session's advisory lock would break behind a transaction pooler,
// and would be held by a process that hangs. The epoch rises with each new leader, so that an old one can be told.
const LEAD = `
  INSERT INTO octogauge.leaders AS l (role, holder, epoch, expires_at) VALUES ($1, $2, 1, now() + make_interval(secs => $3))
  ON CONFLICT (role) DO UPDATE SET
    holder = excluded.holder, expires_at = excluded.expires_at, epoch = l.epoch + (l.holder <> excluded.holder)::integer
  WHERE l.holder = excluded.holder OR l.expires_at <= now()
  RETURNING epoch::text`;

/** Decides which process of the fleet does what only one should do. */
@Injectable()
export class Leadership implements OnModuleDestroy {
  readonly #holder = randomUUID();
  readonly #roles = new Set<LeaderRole>();

  constructor(private readonly database: Database) {}

  /**
   * Takes or keeps the lead, for a minute.
   * @returns the epoch of this leader, or undefined while another process leads
   */
  async lead(role: LeaderRole): Promise<string | undefined> {
    const [row] = await sql<{ epoch: string }>(this.database, LEAD, [role, this.#holder, TERM]);
    if (row) this.#roles.add(role);
    return row?.epoch;
  }

  /** Lets another lead at once. */
  async onModuleDestroy(): Promise<void> {
    if (this.#roles.size === 0) return;
    await sql(this.database.within(2), "UPDATE octogauge.leaders SET expires_at = now() WHERE holder = $1", [this.#holder]).catch(
      () => undefined,
    );
  }
}
