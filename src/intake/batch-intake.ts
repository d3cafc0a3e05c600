import { Injectable } from "@nestjs/common";
import { Database } from "../database/index.js";
import { Tracing } from "../tracing/index.js";
import { acceptBatch, type Pending } from "./accept.sql.js";
import type { Delivery } from "./delivery.js";
import { FairShare } from "./fair-share.js";
import { tracedFlush } from "./flush-trace.js";

/** Stores deliveries that the buffer has already acknowledged. */
@Injectable()
export class BatchIntake {
  constructor(
    private readonly database: Database,
    private readonly share: FairShare,
    private readonly tracing: Tracing,
  ) {}

  /** Call once per delivery, not once per retry: each call takes a token of its repository's fair share. */
  prepare(delivery: Delivery): Pending {
    return this.share.pendingOf(delivery);
  }

  /**
   * Stores deliveries in one commit, each id once.
   * @throws the database's error; then either all deliveries are stored or none
   */
  async accept(prepared: readonly Pending[], timeoutSeconds: number): Promise<void> {
    const distinct = new Map(prepared.map((pending) => [pending.delivery.id, pending]));
    const batch = [...distinct.values()].sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1));
    await tracedFlush(this.tracing, this.database.within(timeoutSeconds), batch, (on) => acceptBatch(on, batch));
  }
}
