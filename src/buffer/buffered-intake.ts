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

/** What is left of REQUEST_TIMEOUT for the answer. Milliseconds. */
const MARGIN = 200;

const LATE = "late";

class HandedOver extends Error {}

/**
 * Before the inbox: what PostgreSQL refuses, or does not store within BUFFER_AFTER, is published to the broker. Whichever
 * acknowledges first, the delivery is safe; one that comes to be in both is stored once, by its id.
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
    const until = performance.now() + this.config.REQUEST_TIMEOUT * 1_000 - MARGIN;
    if (!this.broker.fits(delivery)) return this.#store(delivery);
    // A large body takes its time, which says nothing of the database.
    const isProbe = !isLarge(delivery);
    const receivedAt = Date.now();
    const publish = () => this.#publish({ ...delivery, receivedAt }, until);
    if (this.#breaker.admits(isProbe)) return this.#storeInTime(delivery, publish, isProbe);
    // The buffer takes nothing from a delivery that it does not take.
    return publish().catch(() => this.#store(delivery));
  }

  async #storeInTime(delivery: Delivery, publish: () => Promise<Acceptance>, tells: boolean): Promise<Acceptance> {
    const handedOver = new AbortController();
    const stored = this.#store(delivery, handedOver.signal);
    const first = await this.#early(stored);
    if (first === LATE && tells) this.#failed(`no answer within ${this.config.BUFFER_AFTER} s`);
    if (first !== LATE && first !== undefined) return first;
    const published = publish().then((acceptance) => {
      // It must not take memory in the queue of a database that hangs.
      handedOver.abort(new HandedOver());
      return acceptance;
    });
    // Both are under way; where both fail, the database's reason counts, as without a buffer.
    return Promise.any([stored, published]).catch(() => stored);
  }

  /** @returns LATE where there is no answer yet, undefined where the database refuses @throws what is in the data */
  async #early(stored: Promise<Acceptance>): Promise<Acceptance | typeof LATE | undefined> {
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
      if (error instanceof HandedOver) throw error;
      if (isTransient(error)) this.#failed(messageOf(error));
      // It has read the data, so it is there.
      else this.#succeeded();
      throw error;
    }
  }

  #succeeded(): void {
    if (this.#breaker.isOpen) this.#logger.log("PostgreSQL takes deliveries again");
    this.#breaker.succeeded();
  }

  #failed(reason: string): void {
    if (!this.#breaker.isOpen) this.#logger.warn(`deliveries go to the buffer, since PostgreSQL does not take them: ${reason}`);
    this.#breaker.failed();
  }

  /** @param until when it is too late, by performance.now() */
  async #publish(delivery: Delivery, until: number): Promise<Acceptance> {
    const at = now();
    try {
      await this.#send(delivery, until);
      this.metrics.published("stored");
      this.#trace(delivery, at);
      if (this.#isDebugEnabled) this.#logger.debug(logEntry("a delivery is in the buffer", receivedFields(delivery)));
      return "accepted";
    } catch (error) {
      this.metrics.published("failed");
      this.#trace(delivery, at, error);
      if (this.#isDebugEnabled) this.#logger.debug(logEntry("the buffer did not take a delivery", { ...receivedFields(delivery), error }));
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

  /** Twice where there is time: what was under way when a connection broke is never answered. */
  async #send(delivery: Delivery, until: number): Promise<void> {
    const left = () => Math.max(1, until - performance.now());
    await this.broker.publish(delivery, left() / 2).catch((error: unknown) => {
      if (!this.broker.isUp) throw error;
      return this.broker.publish(delivery, left());
    });
  }
}
