import { AckPolicy, DiscardPolicy, JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { type JetStreamManager, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect, errors, headers, type Msg, type NatsConnection, nanos } from "@nats-io/transport-node";
import type { Config } from "../config/index.js";
import type { Delivery } from "../intake/index.js";
import { Broker, FETCH, type Message, REDELIVER_AFTER_MS, REQUEST_TIMEOUT_MS, answered } from "./broker.js";
import { deliveryOf, fieldsOf } from "./message.js";
import { pull } from "./nats-pull.js";
import { serversOf } from "./nats-servers.js";

const CONSUMER = "inbox";
const RECONNECT = { minMs: 100, maxMs: 2_000 } as const;
/** The connection is stale after this many unanswered pings. */
const PING = { pingInterval: 2_000, maxPingOut: 2 } as const;

type NatsConfig = Pick<Config, "BUFFER_STREAM" | "NATS_URL" | "NATS_REPLICAS">;

/** The buffer in NATS JetStream: a work queue in files, one durable consumer for all workers. */
export class NatsBroker extends Broker {
  readonly kind = "nats";
  protected readonly named: Broker["named"];
  readonly #subject: string;
  #connection: NatsConnection | undefined;
  #manager: JetStreamManager | undefined;

  /** @param redeliverAfterMs effective when the consumer is created */
  constructor(
    private readonly config: NatsConfig,
    private readonly redeliverAfterMs = REDELIVER_AFTER_MS,
  ) {
    super();
    this.named = { variable: "NATS_URL", addresses: serversOf(config.NATS_URL).servers };
    this.#subject = `${config.BUFFER_STREAM}.deliveries`;
  }

  fits(delivery: Delivery): boolean {
    const maxBytes = this.#connection?.info?.max_payload;
    // The limit is unknown before the first connection; publish fails then.
    return maxBytes === undefined || headersOf(delivery).bytes + delivery.body.length <= maxBytes;
  }

  async publish(delivery: Delivery, timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    try {
      await this.#publish(delivery, timeoutMs);
    } catch (error) {
      if (!isWithoutStream(error)) throw error;
      // The subject has no subscriber: the stream was deleted.
      await this.#ensure();
      await this.#publish(delivery, until - performance.now());
    }
  }

  async #publish(delivery: Delivery, timeoutMs: number): Promise<void> {
    if (!this.isUp || !this.#manager) throw new Error(`NATS is down: ${this.trouble}`);
    const options = { headers: headersOf(delivery).headers, msgID: delivery.id, timeout: Math.max(1, timeoutMs) };
    await this.#manager.jetstream().publish(this.#subject, delivery.body, options);
  }

  async fetch(): Promise<readonly Message[]> {
    const connection = this.#connection;
    if (!connection || !this.isUp) return [];
    const next = `$JS.API.CONSUMER.MSG.NEXT.${this.config.BUFFER_STREAM}.${CONSUMER}`;
    let pulled = await pull(connection, next, { batch: FETCH.messages, max_bytes: FETCH.bytes });
    if (pulled.end === "too-large") pulled = await pull(connection, next, { batch: 1 });
    if (pulled.end === "gone") await this.#ensure();
    return pulled.messages.map(messageOf);
  }

  async acknowledge(messages: readonly Message[]): Promise<void> {
    const connection = this.#connected();
    for (const { receipt } of messages) connection.publish(receipt, "+ACK");
    await answered(REQUEST_TIMEOUT_MS, connection.flush());
  }

  async pending(): Promise<number> {
    if (!this.#manager) throw new Error("NATS is down");
    return (await this.#manager.streams.info(this.config.BUFFER_STREAM)).state.messages;
  }

  /** Also checks the limits and the subject of the stream, because an operator may have created it. */
  protected async check(): Promise<void> {
    if (!this.#connection || this.#connection.isClosed()) await this.#connect();
    await this.#ensure();
    const { config, state } = await this.#manager!.streams.info(this.config.BUFFER_STREAM);
    if (!config.subjects?.includes(this.#subject)) throw new Error(`the stream ${config.name} lacks the subject ${this.#subject}; add it`);
    if ((config.max_bytes > 0 && state.bytes >= config.max_bytes) || (config.max_msgs > 0 && state.messages >= config.max_msgs))
      throw new Error(`the stream ${config.name} is full`);
  }

  protected async disconnect(): Promise<void> {
    const connection = this.#connection;
    if (connection && !connection.isClosed()) await connection.close();
  }

  #connected(): NatsConnection {
    if (!this.#connection || this.#connection.isClosed()) throw new Error("NATS is down");
    return this.#connection;
  }

  async #connect(): Promise<void> {
    const connection = await connect({
      ...serversOf(this.config.NATS_URL),
      ...PING,
      name: "octogauge",
      timeout: REQUEST_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => RECONNECT.minMs + Math.random() * (RECONNECT.maxMs - RECONNECT.minMs),
    });
    this.#manager = await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS });
    this.#connection = connection;
    void this.#watch(connection);
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === "disconnect" || type === "staleConnection") this.lost("the connection to NATS was lost");
    }
  }

  /** Creates the stream and its consumer if they do not exist. Existing ones stay unchanged, with the limits that an operator set. */
  async #ensure(): Promise<void> {
    const { BUFFER_STREAM: stream, NATS_REPLICAS } = this.config;
    const manager = this.#manager;
    if (!manager || this.#connected().isClosed()) throw new Error("NATS is down");
    await manager.streams.info(stream).catch(async (error: unknown) => {
      if (!isMissing(error, JetStreamApiCodes.StreamNotFound)) throw error;
      await manager.streams.add({
        name: stream,
        subjects: [this.#subject],
        storage: StorageType.File,
        retention: RetentionPolicy.Workqueue,
        discard: DiscardPolicy.New,
        num_replicas: NATS_REPLICAS,
      });
      this.logger.log(`created the stream ${stream}`);
    });
    await manager.consumers.info(stream, CONSUMER).catch(async (error: unknown) => {
      if (!isMissing(error, JetStreamApiCodes.ConsumerNotFound)) throw error;
      await manager.consumers.add(stream, {
        durable_name: CONSUMER,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(this.redeliverAfterMs),
        max_deliver: -1,
        // Unlimited, so that messages that cannot be stored do not block the others.
        max_ack_pending: -1,
      });
    });
  }
}

const isMissing = (error: unknown, code: number): boolean => error instanceof JetStreamApiError && error.code === code;

/** True if the subject has no subscriber. */
const isWithoutStream = (error: unknown): boolean =>
  [error, (error as Error).cause].some((reason) => reason instanceof errors.RequestError && reason.isNoResponders());

/** @returns the headers and their bytes on the wire, including the message id */
function headersOf(delivery: Delivery) {
  const made = headers();
  let bytes = "NATS/1.0\r\n\r\n".length + "Nats-Msg-Id: \r\n".length + delivery.id.length;
  for (const [name, value] of Object.entries(fieldsOf(delivery))) {
    made.set(name, value);
    bytes += name.length + value.length + ": \r\n".length;
  }
  return { headers: made, bytes };
}

function messageOf(message: Msg): Message {
  const { data, reply, headers: fields } = message;
  const body = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return { delivery: deliveryOf((name) => fields?.get(name) || undefined, body), receipt: reply ?? "" };
}
