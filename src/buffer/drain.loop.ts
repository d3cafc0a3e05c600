import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config, ConfigError, LiveConfig } from "../config/index.js";
import { isTransient, SchemaGate } from "../database/index.js";
import { type Delivery, type Pending, pendingFields, signingSecret } from "../intake/index.js";
import { BatchIntake } from "../intake/batch-intake.js";
import { isLogged, type LogConfig, logEntry, type LogFields } from "../logging/index.js";
import { Broker, type Message } from "./broker.js";
import { DrainMetrics } from "./drain.metrics.js";

/** Longest store of a batch; less than RETURN_AFTER. Seconds. */
const STORE_SECONDS = 30;

/** A message with the delivery in it as it is to be stored; undefined where there is none, or none that is signed. */
interface PulledBatch {
  readonly message: Message;
  readonly pending: Pending | undefined;
}

interface Readable extends PulledBatch {
  readonly pending: Pending;
}

/**
 * Takes deliveries out of the buffer into the inbox, and acknowledges them after the commit. While the database is away it
 * holds what it has fetched and fetches no more; what it holds too long comes to another worker as well, and the inbox
 * takes each id once.
 */
@Injectable()
export class DrainLoop extends BackgroundLoop {
  #held: readonly PulledBatch[] = [];
  readonly #isDebugEnabled: boolean;

  constructor(
    private readonly broker: Broker,
    private readonly inbox: BatchIntake,
    private readonly metrics: DrainMetrics,
    private readonly live: LiveConfig,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "POLL_INTERVAL"> & LogConfig,
  ) {
    super("buffer/drain", config.POLL_INTERVAL, schema.ready);
    if (live.webhookSecrets.length === 0)
      throw new ConfigError([
        "GITHUB_WEBHOOK_SECRET is empty; with BUFFER, allowed: the secrets of the gateways, since what is drained is verified again",
      ]);
    this.#isDebugEnabled = isLogged(config, "buffer", "debug");
  }

  async runOnce(): Promise<Outcome> {
    if (this.#held.length === 0) this.#held = (await this.broker.fetch()).map((message) => this.#hold(message));
    if (this.#held.length === 0) return "idle";
    const stored = await this.#store(this.#held);
    this.#held = [];
    this.metrics.drained(stored.length);
    if (stored.length > 0) await this.broker.acknowledge(stored);
    return "again";
  }

  /** @returns what is in the inbox now @throws the database's error where that says nothing of the messages */
  async #store(held: readonly PulledBatch[]): Promise<readonly Message[]> {
    const readable = held.filter((one) => this.#isReadable(one));
    if (readable.length === 0) return [];
    try {
      await this.#accept(readable);
      return readable.map(({ message }) => message);
    } catch (error) {
      if (isTransient(error)) throw error;
      return this.#storeSingly(readable);
    }
  }

  async #storeSingly(held: readonly Readable[]): Promise<readonly Message[]> {
    const stored: Message[] = [];
    for (const one of held) {
      try {
        await this.#accept([one]);
        stored.push(one.message);
      } catch (error) {
        if (isTransient(error)) throw error;
        this.#setBack({ ...fieldsOf(one.pending), error });
      }
    }
    return stored;
  }

  async #accept(held: readonly Readable[]): Promise<void> {
    const prepared = held.map(({ pending }) => pending);
    await this.inbox.accept(prepared, STORE_SECONDS);
    if (this.#isDebugEnabled)
      for (const pending of prepared) this.logger.debug(logEntry("a delivery came out of the buffer into the inbox", fieldsOf(pending)));
  }

  #hold(message: Message): PulledBatch {
    const { delivery } = message;
    return { message, pending: delivery && this.#isSigned(delivery) ? this.inbox.prepare(delivery) : undefined };
  }

  /** Verified again: other writers may reach the broker. */
  #isSigned({ signature, body }: Delivery): boolean {
    return signingSecret(this.live.webhookSecrets, signature, body) !== -1;
  }

  #isReadable(one: PulledBatch): one is Readable {
    if (one.pending) return true;
    this.#setBack({ error: `message ${one.message.receipt} is not a delivery as a gateway writes it, or its signature fits no secret` });
    return false;
  }

  /** It is not acknowledged, so it comes again by itself. */
  #setBack(fields: LogFields): void {
    this.metrics.setBack();
    this.logger.error(logEntry("a message of the buffer cannot be stored and stays there", fields));
  }
}

const fieldsOf = ({ delivery, projection }: Pending): LogFields => pendingFields(delivery, projection);
