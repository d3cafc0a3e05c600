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
/** Bytes from which a body is large. GitHub's runs and jobs have 20 KB; only a push can come to megabytes. */
const LARGE = MEBIBYTE;
const FLUSH_BYTES = 24 * MEBIBYTE;

/** Whether it may take seconds to be stored, however well the database is. */
export const isLarge = ({ body }: Pick<Delivery, "body">): boolean => body.length >= LARGE;

/**
 * Stores deliveries, many in a commit. One flush is in flight: two were slower (docs/adr/0003). Large bodies have a
 * queue of their own, since a commit of 25 MB takes seconds, and the small ones would wait for it.
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

  /** Deliveries that wait for a flush. */
  get waiting(): number {
    return this.#small.length + this.#large.length;
  }

  /**
   * Fulfilled after the commit.
   * @param signal aborting it takes the delivery out again, unless its flush is under way
   * @throws the database's error; the delivery may or may not have been stored, and its sender should repeat it
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
