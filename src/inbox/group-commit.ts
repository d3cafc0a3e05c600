import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import { Database } from "../database/database.js";
import { acceptBatch, type Pending } from "./accept.sql.js";
import type { Acceptance, Delivery } from "./delivery.js";
import { InboxMetrics } from "./inbox.metrics.js";
import { prune } from "./projection/prune.js";

/** Bytes of payload in one flush: keeps the parameters of a statement small against the memory of a server. */
const FLUSH_BYTES = 8_388_608;

interface Waiting extends Pending {
  readonly resolve: (acceptance: Acceptance) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets concurrent deliveries share a commit: while one flush is under way the next batch gathers,
 * and an idle inbox flushes at once, without a timer. One flush in flight: two were slower (docs/adr/0003).
 */
@Injectable()
export class GroupCommit {
  #waiting: Waiting[] = [];
  #flushing = false;

  constructor(
    private readonly database: Database,
    private readonly metrics: InboxMetrics,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Deliveries that wait for a flush. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Fulfilled after the commit.
   * @throws the database's error; the delivery may or may not have been stored, and its sender should repeat it
   */
  accept(delivery: Delivery): Promise<Acceptance> {
    const projection = prune(delivery.event, delivery.form, delivery.body);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ delivery, projection, resolve, reject });
      if (!this.#flushing) void this.#flushAll();
    });
  }

  async #flushAll(): Promise<void> {
    this.#flushing = true;
    // One turn of the event loop: requests that arrived in the same read of the sockets join this flush.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#flush(this.#nextBatch());
    this.#flushing = false;
  }

  #nextBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { delivery } of this.#waiting) {
      bytes += delivery.body.length;
      if (count >= this.config.FLUSH_SIZE || (count > 0 && bytes > FLUSH_BYTES)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #flush(batch: readonly Waiting[]): Promise<void> {
    const first = new Map<string, Waiting>();
    for (const item of batch) if (!first.has(item.delivery.id)) first.set(item.delivery.id, item);
    const distinct = [...first.values()].sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1));
    const end = this.metrics.startFlush(batch.length);
    try {
      const fresh = await acceptBatch(this.database.within(this.config.REQUEST_TIMEOUT), distinct);
      for (const item of batch) {
        const isNew = fresh.has(item.delivery.id) && first.get(item.delivery.id) === item;
        item.resolve(isNew ? "accepted" : "duplicate");
      }
    } catch (error) {
      for (const item of batch) item.reject(error);
    } finally {
      end();
    }
  }
}
