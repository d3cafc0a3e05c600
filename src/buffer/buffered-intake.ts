import { isLogged, type LogConfig, logEntry, messageOf } from "../logging/index.js";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { setTimeout as sleep } from "node:timers/promises";
import { CONFIG, type Config } from "../config/index.js";
import { SpanKind } from "@opentelemetry/api";
import { isTransient } from "../database/index.js";
import { type Acceptance, type Delivery, type Intake, receivedFields } from "../intake/index.js";
import { GroupCommit, isLarge } from "../intake/group-commit.js";
import { contextOf, now, Tracing } from "../tracing/index.js";
import { Breaker } from "./breaker.js";
import { Broker } from "./broker.js";
import { BufferIntakeMetrics } from "./intake.metrics.js";

/** Part of REQUEST_TIMEOUT that is left for the answer. */
const ANSWER_MARGIN_MS = 200;

const LATE = "late";

class PublishedToBuffer extends Error {}

/**
 * An intake before the inbox: publishes a delivery to the broker if PostgreSQL refuses it or takes longer than BUFFER_AFTER.
 * The first acknowledgement counts. If both store the delivery, its id makes the inbox keep it once.
 */
@Injectable()
export class BufferedIntake implements Intake {
  readonly #logger = new Logger("buffer");
  readonly #breaker = new Breaker();
  readonly #isDebugEnabled: boolean;

  constructor(
    private readonly inbox: GroupCommit,
    private readonly broker: Broker,
    private readonly metrics: BufferIntakeMetrics,
    private readonly tracing: Tracing,
    @Inject(CONFIG) private readonly config: Pick<Config, "BUFFER" | "BUFFER_STREAM" | "BUFFER_AFTER" | "REQUEST_TIMEOUT"> & LogConfig,
  ) {
    this.#isDebugEnabled = isLogged(config, "buffer", "debug");
    metrics.watch(() => this.#breaker.isOpen);
  }

  async accept(delivery: Delivery): Promise<Acceptance> {
    const until = performance.now() + this.config.REQUEST_TIMEOUT * 1_000 - ANSWER_MARGIN_MS;
    if (!this.broker.fits(delivery)) return this.#store(delivery);
    // A large body takes long even in a healthy database, so it is no probe.
    const isProbe = !isLarge(delivery);
    const receivedAt = Date.now();
    const publish = () => this.#publish({ ...delivery, receivedAt }, until);
    if (this.#breaker.admits(isProbe)) return this.#storeInTime(delivery, publish, isProbe);
    // If the broker refuses the delivery too, try the database.
    return publish().catch(() => this.#store(delivery));
  }

  async #storeInTime(delivery: Delivery, publish: () => Promise<Acceptance>, isProbe: boolean): Promise<Acceptance> {
    const withdrawal = new AbortController();
    const stored = this.#store(delivery, withdrawal.signal);
    const first = await this.#withinBufferAfter(stored);
    if (first === LATE && isProbe) this.#failed(`no answer within ${this.config.BUFFER_AFTER} s`);
    if (first !== LATE && first !== undefined) return first;
    const published = publish().then((acceptance) => {
      // Remove it from the flush queue, to free its memory while the database hangs.
      withdrawal.abort(new PublishedToBuffer());
      return acceptance;
    });
    // If both fail, throw the database's error, as without a buffer.
    return Promise.any([stored, published]).catch(() => stored);
  }

  /** @returns LATE after BUFFER_AFTER; undefined after a transient error @throws errors that the data causes */
  async #withinBufferAfter(stored: Promise<Acceptance>): Promise<Acceptance | typeof LATE | undefined> {
    const timer = new AbortController();
    const late = sleep<typeof LATE>(this.config.BUFFER_AFTER * 1_000, LATE, { signal: timer.signal }).catch((): typeof LATE => LATE);
    try {
      return await Promise.race([stored, late]);
    } catch (error) {
      if (isTransient(error)) return undefined;
      throw error;
    } finally {
      timer.abort();
    }
  }

  async #store(delivery: Delivery, signal?: AbortSignal): Promise<Acceptance> {
    try {
      const acceptance = await this.inbox.accept(delivery, signal);
      this.#succeeded();
      return acceptance;
    } catch (error) {
      if (error instanceof PublishedToBuffer) throw error;
      if (isTransient(error)) this.#failed(messageOf(error));
      // An error that the data causes proves that the database is up.
      else this.#succeeded();
      throw error;
    }
  }

  #succeeded(): void {
    if (this.#breaker.isOpen) this.#logger.log("PostgreSQL accepts deliveries again");
    this.#breaker.succeeded();
  }

  #failed(reason: string): void {
    if (!this.#breaker.isOpen) this.#logger.warn(`PostgreSQL does not accept deliveries, publishing them to the buffer: ${reason}`);
    this.#breaker.failed();
  }

  /** @param until deadline, by performance.now() */
  async #publish(delivery: Delivery, until: number): Promise<Acceptance> {
    const at = now();
    try {
      await this.#send(delivery, until);
      this.metrics.published("stored");
      this.#trace(delivery, at);
      if (this.#isDebugEnabled) this.#logger.debug(logEntry("a delivery was published to the buffer", receivedFields(delivery)));
      return "accepted";
    } catch (error) {
      this.metrics.published("failed");
      this.#trace(delivery, at, error);
      if (this.#isDebugEnabled)
        this.#logger.debug(logEntry("a delivery could not be published to the buffer", { ...receivedFields(delivery), error }));
      throw error;
    }
  }

  #trace({ traceparent }: Delivery, at: number, error?: unknown): void {
    const parent = contextOf(traceparent);
    if (!parent) return;
    const attributes = {
      "messaging.system": this.config.BUFFER,
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "messaging.destination.name": this.config.BUFFER_STREAM,
    };
    this.tracing.record("publish", { kind: SpanKind.PRODUCER, parent, attributes, at }, now(), error);
  }

  /** Tries twice within the deadline, because a request on a broken connection gets no answer. */
  async #send(delivery: Delivery, until: number): Promise<void> {
    const leftMs = () => Math.max(1, until - performance.now());
    await this.broker.publish(delivery, leftMs() / 2).catch((error: unknown) => {
      if (!this.broker.isUp) throw error;
      return this.broker.publish(delivery, leftMs());
    });
  }
}
