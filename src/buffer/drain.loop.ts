import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/config.js";
import { isTransient } from "../database/errors.js";
import { SchemaGate } from "../database/schema-gate.js";
import { BatchIntake } from "../inbox/batch-intake.js";
import type { Delivery } from "../inbox/delivery.js";
import { Broker, type Message } from "./broker.js";
import { DrainMetrics } from "./drain.metrics.js";

/** Longest store of a batch; less than RETURN_AFTER. Seconds. */
const STORE_SECONDS = 30;

interface Readable extends Message {
  readonly delivery: Delivery;
}

/**
 * Takes deliveries out of the buffer into the inbox, and acknowledges them after the commit. While the database is away it
 * holds what it has fetched and fetches no more; what it holds too long comes to another worker as well, and the inbox
 * takes each id once.
 */
@Injectable()
export class DrainLoop extends BackgroundLoop {
  #held: readonly Message[] = [];

  constructor(
    private readonly broker: Broker,
    private readonly inbox: BatchIntake,
    private readonly metrics: DrainMetrics,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "POLL_INTERVAL">,
  ) {
    super("buffer-drain", config.POLL_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if (this.#held.length === 0) this.#held = await this.broker.fetch();
    if (this.#held.length === 0) return "idle";
    const stored = await this.#store(this.#held);
    this.#held = [];
    this.metrics.drained(stored.length);
    if (stored.length > 0) await this.broker.acknowledge(stored);
    return "again";
  }

  /** @returns what is in the inbox now @throws the database's error where that says nothing of the messages */
  async #store(messages: readonly Message[]): Promise<readonly Message[]> {
    const readable = messages.filter((message) => this.#isReadable(message));
    if (readable.length === 0) return [];
    try {
      await this.#accept(readable);
      return readable;
    } catch (error) {
      if (isTransient(error)) throw error;
      return this.#storeSingly(readable);
    }
  }

  async #storeSingly(messages: readonly Readable[]): Promise<readonly Message[]> {
    const stored: Message[] = [];
    for (const message of messages) {
      try {
        await this.#accept([message]);
        stored.push(message);
      } catch (error) {
        if (isTransient(error)) throw error;
        this.#setBack(message, `PostgreSQL refuses it: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return stored;
  }

  async #accept(messages: readonly Readable[]): Promise<void> {
    const deliveries = messages.map(({ delivery }) => delivery);
    await this.inbox.accept(deliveries, STORE_SECONDS);
  }

  #isReadable(message: Message): message is Readable {
    if (message.delivery) return true;
    this.#setBack(message, "it is not a delivery as a gateway writes it");
    return false;
  }

  /** It is not acknowledged, so it comes again by itself. */
  #setBack({ delivery, receipt }: Message, reason: string): void {
    this.metrics.setBack();
    this.logger.error(`a message of the buffer cannot be stored and stays there (${delivery?.id ?? receipt}): ${reason}`);
  }
}
