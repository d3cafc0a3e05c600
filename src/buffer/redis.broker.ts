import { createClient, RESP_TYPES } from "@redis/client";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Config } from "../config/index.js";
import type { Delivery } from "../intake/index.js";
import { TimedOut } from "../background/with-timeout.js";
import { Broker, FETCH, type Message, REDELIVER_AFTER_MS, REQUEST_TIMEOUT_MS, answered } from "./broker.js";
import { fieldsOf } from "./message.js";
import { BODY, type Entry, messageOf } from "./redis-entry.js";
import { warnings } from "./redis-warnings.js";

const GROUP = "inbox";
/** Larger bodies go to a separate stream and are read one by one, because Redis limits a read by entries, not by bytes. */
const LARGE_BYTES = FETCH.bytes / FETCH.messages;
/** Reads may transfer megabytes. Messages of a timed-out read are delivered again only after REDELIVER_AFTER_MS. */
const READ_TIMEOUT_MS = REDELIVER_AFTER_MS / 3;
const START = "0-0";
/** Claims of unacknowledged messages per redelivery time. */
const CLAIMS_PER_PERIOD = 4;
const RECONNECT = { firstMs: 100, maxMs: 2_000 } as const;
/** The connection is stale after the socket timeout without data; pings are more frequent. */
const SOCKET = { timeoutMs: 6_000, pingIntervalMs: 2_000 } as const;

type Client = ReturnType<typeof connectTo>;

/** The buffer in Redis: two streams, small bodies and large, each with one consumer group for all workers. */
export class RedisBroker extends Broker {
  readonly kind = "redis";
  protected readonly named: Broker["named"];
  readonly #small: string;
  readonly #large: string;
  /** Consumer name in each group, about 100 bytes. Never deleted, because that would also lose its unacknowledged messages. */
  readonly #consumer = randomUUID();
  readonly #claimAt = new Map<string, number>();
  /** Cursor per stream: one XAUTOCLAIM scans a part of the pending messages. */
  readonly #claimFrom = new Map<string, string>();
  #client: Client | undefined;
  #warned = false;

  constructor(
    private readonly config: Pick<Config, "BUFFER_STREAM" | "REDIS_URL">,
    private readonly redeliverAfterMs = REDELIVER_AFTER_MS,
  ) {
    super();
    this.named = { variable: "REDIS_URL", addresses: config.REDIS_URL ? [new URL(config.REDIS_URL).host] : [] };
    this.#small = config.BUFFER_STREAM;
    this.#large = `${config.BUFFER_STREAM}:large`;
  }

  /** Redis accepts up to 512 MB (proto-max-bulk-len), more than any body. */
  fits(): boolean {
    return true;
  }

  async publish(delivery: Delivery, timeoutMs: number): Promise<void> {
    const key = delivery.body.length < LARGE_BYTES ? this.#small : this.#large;
    await this.#ask(["XADD", key, "*", ...Object.entries(fieldsOf(delivery)).flat(), BODY, delivery.body], timeoutMs);
  }

  async fetch(): Promise<readonly Message[]> {
    // Not isUp: a full Redis refuses deliveries but must still be drained.
    if (!this.#client?.isReady) return [];
    const messages = await this.#read(this.#small, FETCH.messages);
    if (messages.length > 0) return messages;
    for (let bytes = 0; bytes < FETCH.bytes;) {
      const [large] = await this.#read(this.#large, 1);
      if (!large) break;
      bytes += large.delivery?.body.length ?? FETCH.bytes;
      messages.push(large);
    }
    return messages;
  }

  /** Without MULTI, which a full Redis refuses. XAUTOCLAIM clears entries that are deleted but not acknowledged. */
  async acknowledge(messages: readonly Message[]): Promise<void> {
    for (const key of [this.#small, this.#large]) {
      const ids = messages.filter(({ receipt }) => keyOf(receipt) === key).map(({ receipt }) => idOf(receipt));
      if (ids.length > 0) await Promise.all([this.#ask(["XDEL", key, ...ids]), this.#ask(["XACK", key, GROUP, ...ids])]);
    }
  }

  async pending(): Promise<number> {
    const lengths = await Promise.all([this.#small, this.#large].map((key) => this.#ask<number>(["XLEN", key])));
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  protected async check(): Promise<void> {
    this.#client ??= this.#connect();
    try {
      await whenReady(this.#client);
      await this.#ensure();
    } catch (error) {
      // After a demotion or timeout, reconnect: the address may point to another server now.
      if (error instanceof TimedOut || isError(error, "READONLY")) await this.disconnect();
      throw error;
    }
    if (this.#warned) return;
    this.#warned = true;
    for (const warning of await warnings((args) => this.#ask(args))) this.logger.warn(warning);
  }

  protected async disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    client?.destroy();
    // Ends a check that waits for it.
    client?.emit("error", new Error("the connection was closed"));
  }

  #connect(): Client {
    const client = connectTo(this.config.REDIS_URL ?? "");
    client.on("error", (error: Error) => this.#client === client && this.lost(error.message || error.name));
    // The client reconnects until it is destroyed.
    client.connect().catch(() => undefined);
    return client;
  }

  #ready(): Client {
    if (!this.#client?.isReady) throw new Error(`Redis is down: ${this.trouble ?? "not connected"}`);
    return this.#client;
  }

  async #ask<T>(args: readonly (string | Buffer)[], timeoutMs = REQUEST_TIMEOUT_MS): Promise<T> {
    return answered(timeoutMs, this.#ready().sendCommand<T>(args, { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }));
  }

  /** Creates the groups at entry 0, so that recreating a lost group skips no message. Also shows whether Redis accepts writes. */
  async #ensure(): Promise<void> {
    for (const key of [this.#small, this.#large]) {
      await this.#ask(["XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM"]).catch((error: unknown) => {
        if (!isError(error, "BUSYGROUP")) throw error;
      });
    }
  }

  async #read(key: string, count: number): Promise<Message[]> {
    try {
      const claimed = await this.#claim(key, count);
      if (claimed.length > 0) return claimed;
      const args = ["XREADGROUP", "GROUP", GROUP, this.#consumer, "COUNT", String(count), "STREAMS", key, ">"];
      const [stream] = (await this.#ask<[Buffer, Entry[]][] | null>(args, READ_TIMEOUT_MS)) ?? [];
      return (stream?.[1] ?? []).flatMap((entry) => messageOf(key, entry) ?? []);
    } catch (error) {
      if (!isError(error, "NOGROUP")) throw error;
      await this.#ensure();
      return [];
    }
  }

  /** Claims messages that were not acknowledged in time: their worker crashed, or could not store them. */
  async #claim(key: string, count: number): Promise<Message[]> {
    if (performance.now() < (this.#claimAt.get(key) ?? 0)) return [];
    const from = this.#claimFrom.get(key) ?? START;
    const args = ["XAUTOCLAIM", key, GROUP, this.#consumer, String(this.redeliverAfterMs), from, "COUNT", String(count)];
    const [next, entries] = await this.#ask<[Buffer, (Entry | null)[]]>(args, READ_TIMEOUT_MS);
    this.#claimFrom.set(key, next.toString("latin1"));
    const messages = entries.flatMap((entry) => (entry && messageOf(key, entry)) ?? []);
    if (messages.length === 0 && next.equals(Buffer.from(START))) {
      this.#claimAt.set(key, performance.now() + this.redeliverAfterMs / CLAIMS_PER_PERIOD);
    }
    return messages;
  }
}

function connectTo(url: string) {
  return createClient({
    url,
    RESP: 2,
    pingInterval: SOCKET.pingIntervalMs,
    // Fail at once while disconnected.
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    socket: {
      connectTimeout: REQUEST_TIMEOUT_MS,
      socketTimeout: SOCKET.timeoutMs,
      reconnectStrategy: (retries: number) =>
        Math.min(RECONNECT.maxMs, RECONNECT.firstMs * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2),
    },
  });
}

/** @throws what the next attempt to connect fails with: it names the cause, which "not connected" does not */
async function whenReady(client: Client): Promise<void> {
  if (client.isReady) return;
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  await once(client, "ready", { signal }).catch((error: unknown) => {
    throw signal.aborted ? new TimedOut(`no answer within ${REQUEST_TIMEOUT_MS} ms`) : error;
  });
}

const isError = (error: unknown, prefix: string): boolean => error instanceof Error && error.message.startsWith(prefix);
const keyOf = (receipt: string): string => receipt.slice(0, receipt.lastIndexOf(" "));
const idOf = (receipt: string): string => receipt.slice(receipt.lastIndexOf(" ") + 1);
