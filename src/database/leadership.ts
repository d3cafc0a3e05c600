import { Injectable, type OnModuleDestroy } from "@nestjs/common";
import { randomUUID } from "node:crypto";
import { Database } from "./database.js";
import { sql } from "./sql.js";

/** Work that only the leader does, for the whole fleet. */
export type LeaderRole = "retention" | "audit" | "lookup";

/** Another process takes the lead when the leader has not renewed its lease for this long. */
const LEASE_SECONDS = 60;

// A lease in a row, by the database's clock. A session advisory lock breaks behind a transaction pooler, and a hung process
// would keep it. Each new leader raises the epoch, which marks writes of an old leader.
const LEAD = `
  INSERT INTO octogauge.leaders AS l (role, holder, epoch, expires_at) VALUES ($1, $2, 1, now() + make_interval(secs => $3))
  ON CONFLICT (role) DO UPDATE SET
    holder = excluded.holder, expires_at = excluded.expires_at, epoch = l.epoch + (l.holder <> excluded.holder)::integer
  WHERE l.holder = excluded.holder OR l.expires_at <= now()
  RETURNING epoch::text`;

/** Elects one leader of the fleet for each role. */
@Injectable()
export class Leadership implements OnModuleDestroy {
  readonly #holder = randomUUID();
  readonly #roles = new Set<LeaderRole>();

  constructor(private readonly database: Database) {}

  /**
   * Takes or renews the lease of a role.
   * @returns the epoch of this leader, or undefined while another process is the leader
   */
  async lead(role: LeaderRole): Promise<string | undefined> {
    const [row] = await sql<{ epoch: string }>(this.database, LEAD, [role, this.#holder, LEASE_SECONDS]);
    if (row) this.#roles.add(role);
    return row?.epoch;
  }

  /** Ends all leases, so that another process can lead at once. */
  async onModuleDestroy(): Promise<void> {
    if (this.#roles.size === 0) return;
    await sql(this.database.within(2), "UPDATE octogauge.leaders SET expires_at = now() WHERE holder = $1", [this.#holder]).catch(
      () => undefined,
    );
  }
}
