import { AckPolicy, DiscardPolicy, JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { type JetStreamManager, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect, errors, headers, type Msg, type NatsConnection, nanos } from "@nats-io/transport-node";
import type { Config } from "../config/index.js";
import type { Delivery } from "../intake/index.js";
import { Broker, FETCH, type Message, PATIENCE, RETURN_AFTER, answered } from "./broker.js";
import { deliveryOf, fieldsOf } from "./message.js";
import { pull } from "./nats-pull.js";
import { serversOf } from "./nats-servers.js";

const CONSUMER = "inbox";
const RECONNECT = { least: 100, most: 2_000 } as const;
/** Longest silence of a server, in pings. */
const PING = { pingInterval: 2_000, maxPingOut: 2 } as const;

type NatsConfig = Pick<Config, "BUFFER_STREAM" | "NATS_URL" | "NATS_REPLICAS">;

/** The buffer in NATS JetStream: a work queue in files, one durable consumer for all workers. */
export class NatsBroker extends Broker {
  readonly kind = "nats";
  protected readonly named: Broker["named"];
  readonly #subject: string;
  #connection: NatsConnection | undefined;
  #manager: JetStreamManager | undefined;

  /** @param returnAfter milliseconds; counts when the consumer is made */
  constructor(
    private readonly config: NatsConfig,
    private readonly returnAfter = RETURN_AFTER,
  ) {
    super();
    this.named = { variable: "NATS_URL", addresses: serversOf(config.NATS_URL).servers };
    this.#subject = `${config.BUFFER_STREAM}.deliveries`;
  }

  fits(delivery: Delivery): boolean {
    const most = this.#connection?.info?.max_payload;
    // Of a server that was never met nothing is known, and it takes nothing.
    return most === undefined || headersOf(delivery).bytes + delivery.body.length <= most;
  }

  async publish(delivery: Delivery, patience: number): Promise<void> {
    const until = performance.now() + patience;
    try {
      await this.#publish(delivery, patience);
    } catch (error) {
      if (!isGone(error)) throw error;
      // Nobody listens on the subject: the stream was deleted.
      await this.#ensure();
      await this.#publish(delivery, until - performance.now());
    }
  }

  async #publish(delivery: Delivery, patience: number): Promise<void> {
    if (!this.isUp || !this.#manager) throw new Error(`NATS is away: ${this.trouble}`);
    const options = { headers: headersOf(delivery).headers, msgID: delivery.id, timeout: Math.max(1, patience) };
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
    await answered(PATIENCE, connection.flush());
  }

  async pending(): Promise<number> {
    if (!this.#manager) throw new Error("NATS is away");
    return (await this.#manager.streams.info(this.config.BUFFER_STREAM)).state.messages;
  }

  /** Also whether there is room, as far as the stream has limits, and whether it takes our subject: it may be its owner's. */
  protected async check(): Promise<void> {
    if (!this.#connection || this.#connection.isClosed()) await this.#connect();
    await this.#ensure();
    const { config, state } = await this.#manager!.streams.info(this.config.BUFFER_STREAM);
    if (!config.subjects?.includes(this.#subject)) throw new Error(`the stream ${config.name} does not take ${this.#subject}`);
    if ((config.max_bytes > 0 && state.bytes >= config.max_bytes) || (config.max_msgs > 0 && state.messages >= config.max_msgs))
      throw new Error(`the stream ${config.name} is full`);
  }

  protected async disconnect(): Promise<void> {
    const connection = this.#connection;
    if (connection && !connection.isClosed()) await connection.close();
  }

  #connected(): NatsConnection {
    if (!this.#connection || this.#connection.isClosed()) throw new Error("NATS is away");
    return this.#connection;
  }

  async #connect(): Promise<void> {
    const connection = await connect({
      ...serversOf(this.config.NATS_URL),
      ...PING,
      name: "octogauge",
      timeout: PATIENCE,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => RECONNECT.least + Math.random() * (RECONNECT.most - RECONNECT.least),
    });
    this.#manager = await jetstreamManager(connection, { checkAPI: false, timeout: PATIENCE });
    this.#connection = connection;
    void this.#watch(connection);
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === "disconnect" || type === "staleConnection") this.lost("the connection to NATS was lost");
    }
  }

  /** Makes the stream and its consumer where they are not there. One that is there is left as it is: its owner may have set limits. */
  async #ensure(): Promise<void> {
    const { BUFFER_STREAM: stream, NATS_REPLICAS } = this.config;
    const manager = this.#manager;
    if (!manager || this.#connected().isClosed()) throw new Error("NATS is away");
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
      this.logger.log(`made the stream ${stream}`);
    });
    await manager.consumers.info(stream, CONSUMER).catch(async (error: unknown) => {
      if (!isMissing(error, JetStreamApiCodes.ConsumerNotFound)) throw error;
      await manager.consumers.add(stream, {
        durable_name: CONSUMER,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(this.returnAfter),
        max_deliver: -1,
        // What cannot be stored waits unacknowledged, and must not stop the rest.
        max_ack_pending: -1,
      });
    });
  }
}

const isMissing = (error: unknown, code: number): boolean => error instanceof JetStreamApiError && error.code === code;

/** Whether nobody listens where a stream should. */
const isGone = (error: unknown): boolean =>
  [error, (error as Error).cause].some((reason) => reason instanceof errors.RequestError && reason.isNoResponders());

/** @returns with the bytes that they take on the wire, those of the message's id included */
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
