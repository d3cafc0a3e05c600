import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Database } from "../database/index.js";
import { Tracing } from "../tracing/index.js";
import { acceptBatch, type Pending } from "./accept.sql.js";
import type { Acceptance, Delivery } from "./delivery.js";
import { FairShare } from "./fair-share.js";
import { FlushQueue } from "./flush-queue.js";
import { tracedFlush, traceIdOf } from "./flush-trace.js";
import { IntakeMetrics } from "./intake.metrics.js";
import type { Intake } from "./intake.js";

const MEBIBYTE = 1_048_576;
/** GitHub's run and job payloads have about 20 KB; only a push can reach megabytes. */
const LARGE_BYTES = MEBIBYTE;
const FLUSH_BYTES = 24 * MEBIBYTE;

/** True for a body that can take seconds to store, even in a healthy database. */
export const isLarge = ({ body }: Pick<Delivery, "body">): boolean => body.length >= LARGE_BYTES;

/**
 * Stores many deliveries per commit, with one flush in flight per queue; two were slower (docs/adr/0003).
 * Large bodies have their own queue: small ones must not wait for a commit of 25 MB, which takes seconds.
 */
@Injectable()
export class GroupCommit implements Intake {
  readonly #small: FlushQueue;
  readonly #large: FlushQueue;

  constructor(
    private readonly database: Database,
    private readonly metrics: IntakeMetrics,
    private readonly share: FairShare,
    private readonly tracing: Tracing,
    @Inject(CONFIG) private readonly config: Pick<Config, "FLUSH_SIZE" | "REQUEST_TIMEOUT">,
  ) {
    const flush = { size: config.FLUSH_SIZE, bytes: FLUSH_BYTES, store: (batch: readonly Pending[]) => this.#store(batch) };
    this.#small = new FlushQueue(flush);
    this.#large = new FlushQueue(flush);
    metrics.watch(() => this.waiting);
  }

  /** Number of deliveries that wait for a flush. */
  get waiting(): number {
    return this.#small.length + this.#large.length;
  }

  /**
   * Resolves after the commit.
   * @param signal removes the delivery, unless its flush has started
   * @throws the database's error; the delivery may be stored or not, so the sender should repeat it
   */
  accept(delivery: Delivery, signal?: AbortSignal): Promise<Acceptance> {
    const queue = isLarge(delivery) ? this.#large : this.#small;
    return queue.add(this.share.pendingOf(delivery), signal);
  }

  async #store(batch: readonly Pending[]): Promise<ReadonlySet<string>> {
    const end = this.metrics.startFlush(batch.length, this.tracing.isOn ? traceIdOf(batch) : undefined);
    try {
      return await tracedFlush(this.tracing, this.database.within(this.config.REQUEST_TIMEOUT), batch, (on) => acceptBatch(on, batch));
    } finally {
      end();
    }
  }
}
