import type { Pending } from "./accept.sql.js";
import type { Acceptance } from "./delivery.js";

/** What a flush may take, and what it does. */
export interface Flush {
  /** Most deliveries. */
  readonly size: number;
  /** Most bytes of payload, beyond the first delivery: keeps the parameters of a statement small against the memory of a server. */
  readonly bytes: number;
  /** Stores a batch of distinct ids, sorted by id. @returns the ids that were stored before */
  store(batch: readonly Pending[]): Promise<ReadonlySet<string>>;
}

interface WaitingDelivery {
  readonly pending: Pending;
  readonly resolve: (acceptance: Acceptance) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets concurrent deliveries share a commit: while one flush is under way the next batch gathers,
 * and an idle queue flushes at once, without a timer.
 */
export class FlushQueue {
  #waiting: WaitingDelivery[] = [];
  #flushing = false;

  constructor(private readonly flush: Flush) {}

  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Fulfilled after the commit.
   * @param signal aborting it lets go of what waits; what is in a flush already stays in it
   * @throws the store's error, or the signal's reason
   */
  add(pending: Pending, signal?: AbortSignal): Promise<Acceptance> {
    return new Promise((resolve, reject) => {
      // Not { ...pending, … }: a spread with new properties after it costs V8 20 to 40 times as much (bench/NOTES.md).
      const item = { pending, resolve, reject };
      this.#waiting.push(item);
      signal?.addEventListener("abort", () => this.#letGo(item, signal.reason), { once: true });
      if (!this.#flushing) void this.#flushAll();
    });
  }

  #letGo(item: WaitingDelivery, reason: unknown): void {
    const place = this.#waiting.indexOf(item);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    item.reject(reason);
  }

  async #flushAll(): Promise<void> {
    this.#flushing = true;
    // One turn of the event loop: requests that arrived in the same read of the sockets join this flush.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#store(this.#nextBatch());
    this.#flushing = false;
  }

  #nextBatch(): WaitingDelivery[] {
    let bytes = 0;
    let count = 0;
    for (const { pending } of this.#waiting) {
      bytes += pending.delivery.body.length;
      if (count >= this.flush.size || (count > 0 && bytes > this.flush.bytes)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #store(batch: readonly WaitingDelivery[]): Promise<void> {
    const first = new Map<string, Pending>();
    for (const { pending } of batch) if (!first.has(pending.delivery.id)) first.set(pending.delivery.id, pending);
    const distinct = [...first.values()].sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1));
    try {
      const known = await this.flush.store(distinct);
      for (const { pending, resolve } of batch) {
        const isNew = !known.has(pending.delivery.id) && first.get(pending.delivery.id) === pending;
        resolve(isNew ? "accepted" : "duplicate");
      }
    } catch (error) {
      for (const item of batch) item.reject(error);
    }
  }
}
