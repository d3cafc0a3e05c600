import { Injectable } from "@nestjs/common";
import { Database } from "../database/index.js";
import { Tracing } from "../tracing/index.js";
import { acceptBatch, type Pending } from "./accept.sql.js";
import type { Delivery } from "./delivery.js";
import { FairShare } from "./fair-share.js";
import { tracedFlush } from "./flush-trace.js";

/** Takes in what was acknowledged elsewhere. */
@Injectable()
export class BatchIntake {
  constructor(
    private readonly database: Database,
    private readonly share: FairShare,
    private readonly tracing: Tracing,
  ) {}

  /** Once for each delivery, however often it is tried: it takes of its repository's share. */
  prepare(delivery: Delivery): Pending {
    return this.share.pendingOf(delivery);
  }

  /**
   * Stores deliveries in one commit, each id once.
   * @param patience seconds
   * @throws the database's error; then none of them was stored, or all
   */
  async accept(prepared: readonly Pending[], patience: number): Promise<void> {
    const distinct = new Map(prepared.map((pending) => [pending.delivery.id, pending]));
    const batch = [...distinct.values()].sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1));
    await tracedFlush(this.tracing, this.database.within(patience), batch, (on) => acceptBatch(on, batch));
  }
}
