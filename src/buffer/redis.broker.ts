import { createClient, RESP_TYPES } from "@redis/client";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Config } from "../config/index.js";
import type { Delivery } from "../intake/index.js";
import { TimedOut } from "../background/with-timeout.js";
import { Broker, FETCH, type Message, PATIENCE, RETURN_AFTER, answered } from "./broker.js";
import { fieldsOf } from "./message.js";
import { BODY, type Entry, messageOf } from "./redis-entry.js";
import { warnings } from "./redis-warnings.js";

const GROUP = "inbox";
/** Bytes from which bodies have a stream of their own: Redis counts entries, not bytes, so these are read one by one. */
const LARGE = FETCH.bytes / FETCH.messages;
/** Megabytes may come on a slow line; what is given up comes again no sooner than RETURN_AFTER. Milliseconds. */
const READ_PATIENCE = RETURN_AFTER / 3;
const START = "0-0";
/** How often a worker looks for what others left, in that time. */
const CLAIMS = 4;
const RECONNECT = { first: 100, most: 2_000 } as const;
/** Longest silence of a server; pings go more often. Milliseconds. */
const SOCKET = { socketTimeout: 6_000, pingInterval: 2_000 } as const;

type Client = ReturnType<typeof connectTo>;

/** The buffer in Redis: two streams, small bodies and large, each with one consumer group for all workers. */
export class RedisBroker extends Broker {
  readonly kind = "redis";
  protected readonly named: Broker["named"];
  readonly #small: string;
  readonly #large: string;
  /** A name in each group, a hundred bytes that stay: to delete one that just fetched something would hide that from all. */
  readonly #consumer = randomUUID();
  readonly #claimAt = new Map<string, number>();
  /** One call looks at a part of what is pending, and says where the next one begins. */
  readonly #claimFrom = new Map<string, string>();
  #client: Client | undefined;
  #warned = false;

  /** @param returnAfter milliseconds */
  constructor(
    private readonly config: Pick<Config, "BUFFER_STREAM" | "REDIS_URL">,
    private readonly returnAfter = RETURN_AFTER,
  ) {
    super();
    this.named = { variable: "REDIS_URL", addresses: config.REDIS_URL ? [new URL(config.REDIS_URL).host] : [] };
    this.#small = config.BUFFER_STREAM;
    this.#large = `${config.BUFFER_STREAM}:large`;
  }

  /** Up to proto-max-bulk-len, 512 MB, which no body reaches. */
  fits(): boolean {
    return true;
  }

  async publish(delivery: Delivery, patience: number): Promise<void> {
    const key = delivery.body.length < LARGE ? this.#small : this.#large;
    await this.#ask(["XADD", key, "*", ...Object.entries(fieldsOf(delivery)).flat(), BODY, delivery.body], patience);
  }

  async fetch(): Promise<readonly Message[]> {
    // One that is full takes nothing, and has to be emptied all the same.
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

  /** No MULTI: a Redis that is full queues nothing for it, which is when room is needed most. What is deleted and not acknowledged, XAUTOCLAIM clears. */
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
      // Demoted, or silent: the address may lead to another server by now, but this connection never will.
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
    // It goes on trying until it is destroyed.
    client.connect().catch(() => undefined);
    return client;
  }

  #ready(): Client {
    if (!this.#client?.isReady) throw new Error(`Redis is away: ${this.trouble ?? "not connected"}`);
    return this.#client;
  }

  async #ask<T>(args: readonly (string | Buffer)[], patience = PATIENCE): Promise<T> {
    return answered(patience, this.#ready().sendCommand<T>(args, { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }));
  }

  /** From the first entry on, so that a group that was lost loses nothing. It also tells whether writes are taken at all. */
  async #ensure(): Promise<void> {
    for (const key of [this.#small, this.#large]) {
      await this.#ask(["XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM"]).catch((error: unknown) => {
        if (!isError(error, "BUSYGROUP")) throw error;
      });
    }
  }

  async #read(key: string, count: number): Promise<Message[]> {
    try {
      const left = await this.#claim(key, count);
      if (left.length > 0) return left;
      const args = ["XREADGROUP", "GROUP", GROUP, this.#consumer, "COUNT", String(count), "STREAMS", key, ">"];
      const [stream] = (await this.#ask<[Buffer, Entry[]][] | null>(args, READ_PATIENCE)) ?? [];
      return (stream?.[1] ?? []).flatMap((entry) => messageOf(key, entry) ?? []);
    } catch (error) {
      if (!isError(error, "NOGROUP")) throw error;
      await this.#ensure();
      return [];
    }
  }

  /** What was fetched and not acknowledged for so long: its worker died, or could not store it. */
  async #claim(key: string, count: number): Promise<Message[]> {
    if (performance.now() < (this.#claimAt.get(key) ?? 0)) return [];
    const from = this.#claimFrom.get(key) ?? START;
    const args = ["XAUTOCLAIM", key, GROUP, this.#consumer, String(this.returnAfter), from, "COUNT", String(count)];
    const [next, entries] = await this.#ask<[Buffer, (Entry | null)[]]>(args, READ_PATIENCE);
    this.#claimFrom.set(key, next.toString("latin1"));
    const messages = entries.flatMap((entry) => (entry && messageOf(key, entry)) ?? []);
    if (messages.length === 0 && next.equals(Buffer.from(START))) {
      this.#claimAt.set(key, performance.now() + this.returnAfter / CLAIMS);
    }
    return messages;
  }
}

function connectTo(url: string) {
  return createClient({
    url,
    RESP: 2,
    pingInterval: SOCKET.pingInterval,
    // What cannot be sent now fails now.
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    socket: {
      connectTimeout: PATIENCE,
      socketTimeout: SOCKET.socketTimeout,
      reconnectStrategy: (retries: number) =>
        Math.min(RECONNECT.most, RECONNECT.first * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2),
    },
  });
}

/** @throws what the next attempt to connect fails with: it names the cause, which "not connected" does not */
async function whenReady(client: Client): Promise<void> {
  if (client.isReady) return;
  const signal = AbortSignal.timeout(PATIENCE);
  await once(client, "ready", { signal }).catch((error: unknown) => {
    throw signal.aborted ? new TimedOut(`no answer within ${PATIENCE} ms`) : error;
  });
}

const isError = (error: unknown, prefix: string): boolean => error instanceof Error && error.message.startsWith(prefix);
const keyOf = (receipt: string): string => receipt.slice(0, receipt.lastIndexOf(" "));
const idOf = (receipt: string): string => receipt.slice(receipt.lastIndexOf(" ") + 1);
