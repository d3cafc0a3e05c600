import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config, ConfigError, LiveConfig } from "../config/index.js";
import { isTransient, SchemaGate } from "../database/index.js";
import { type Delivery, type Pending, pendingFields, signingSecret } from "../intake/index.js";
import { BatchIntake } from "../intake/batch-intake.js";
import { isLogged, type LogConfig, logEntry, type LogFields } from "../logging/index.js";
import { Broker, type Message } from "./broker.js";
import { DrainMetrics } from "./drain.metrics.js";

/** Timeout of storing a batch; shorter than REDELIVER_AFTER_MS. */
const STORE_TIMEOUT_SECONDS = 30;

/** A fetched message and its delivery; undefined if the message has no delivery or no valid signature. */
interface FetchedMessage {
  readonly message: Message;
  readonly pending: Pending | undefined;
}

interface ReadableMessage extends FetchedMessage {
  readonly pending: Pending;
}

/**
 * Moves deliveries from the buffer to the inbox, and acknowledges them after the commit. While the database is down, it keeps its
 * messages and fetches no more. Another worker may get the same messages; the inbox stores each id once.
 */
@Injectable()
export class DrainLoop extends BackgroundLoop {
  #fetched: readonly FetchedMessage[] = [];
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
        "GITHUB_WEBHOOK_SECRET is empty; with BUFFER, allowed: the secrets of the gateways, because workers verify drained deliveries again",
      ]);
    this.#isDebugEnabled = isLogged(config, "buffer", "debug");
  }

  async runOnce(): Promise<Outcome> {
    if (this.#fetched.length === 0) this.#fetched = (await this.broker.fetch()).map((message) => this.#prepare(message));
    if (this.#fetched.length === 0) return "idle";
    const stored = await this.#store(this.#fetched);
    this.#fetched = [];
    this.metrics.drained(stored.length);
    if (stored.length > 0) await this.broker.acknowledge(stored);
    return "again";
  }

  /** @returns the messages that are stored now @throws transient errors of the database */
  async #store(fetched: readonly FetchedMessage[]): Promise<readonly Message[]> {
    const readable = fetched.filter((one) => this.#isReadable(one));
    if (readable.length === 0) return [];
    try {
      await this.#accept(readable);
      return readable.map(({ message }) => message);
    } catch (error) {
      if (isTransient(error)) throw error;
      return this.#storeSingly(readable);
    }
  }

  async #storeSingly(fetched: readonly ReadableMessage[]): Promise<readonly Message[]> {
    const stored: Message[] = [];
    for (const one of fetched) {
      try {
        await this.#accept([one]);
        stored.push(one.message);
      } catch (error) {
        if (isTransient(error)) throw error;
        this.#leaveInBuffer({ ...fieldsOf(one.pending), error });
      }
    }
    return stored;
  }

  async #accept(fetched: readonly ReadableMessage[]): Promise<void> {
    const prepared = fetched.map(({ pending }) => pending);
    await this.inbox.accept(prepared, STORE_TIMEOUT_SECONDS);
    if (this.#isDebugEnabled)
      for (const pending of prepared) this.logger.debug(logEntry("a delivery was moved from the buffer to the inbox", fieldsOf(pending)));
  }

  #prepare(message: Message): FetchedMessage {
    const { delivery } = message;
    return { message, pending: delivery && this.#isSigned(delivery) ? this.inbox.prepare(delivery) : undefined };
  }

  /** Verifies the signature again, because other programs may write to the broker. */
  #isSigned({ signature, body }: Delivery): boolean {
    return signingSecret(this.live.webhookSecrets, signature, body) !== -1;
  }

  #isReadable(one: FetchedMessage): one is ReadableMessage {
    if (one.pending) return true;
    this.#leaveInBuffer({ error: `message ${one.message.receipt} is not a delivery of a gateway, or its signature matches no secret` });
    return false;
  }

  /** Counts and logs a message without acknowledging it; the broker delivers it again. */
  #leaveInBuffer(fields: LogFields): void {
    this.metrics.setBack();
    this.logger.error(logEntry("a message in the buffer cannot be stored and stays there", fields));
  }
}

const fieldsOf = ({ delivery, projection }: Pending): LogFields => pendingFields(delivery, projection);
