import { backoff } from "../background/backoff.js";
import { withTimeout } from "../background/with-timeout.js";
import { messageOf } from "../logging/index.js";
import { Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { setTimeout as sleep } from "node:timers/promises";
import type { Delivery } from "../intake/index.js";
import { brokerTrouble } from "./causes.js";

/** A message fetched from the buffer. */
export interface Message {
  /** Undefined if a gateway did not write the message, or if it is damaged. */
  readonly delivery: Delivery | undefined;
  /** The broker acknowledges by this id. */
  readonly receipt: string;
}

/** The broker redelivers an unacknowledged message after this time, to any worker. Longer than the slowest store. */
export const REDELIVER_AFTER_MS = 60_000;
/** Maximum messages and bytes of one fetch; a single message may be larger. */
export const FETCH = { messages: 200, bytes: 16_777_216 } as const;
/** Timeout of broker requests, except publish. */
export const REQUEST_TIMEOUT_MS = 3_000;

/** @throws {TimedOut} */
export const answered = <T>(timeoutMs: number, work: Promise<T>): Promise<T> =>
  withTimeout(timeoutMs, work, `no answer within ${Math.round(timeoutMs)} ms`);

const CHECK_INTERVAL_MS = 2_000;
const BACKOFF = { firstMs: 100, maxMs: 2_000 } as const;

/**
 * A server that stores deliveries until they are in the inbox. A background task connects to it and checks it, with capped and
 * jittered backoff. An unreachable broker stops neither the start nor the process.
 */
export abstract class Broker implements OnApplicationBootstrap, OnApplicationShutdown {
  abstract readonly kind: "nats" | "redis";
  /** The variable that names its servers, and their addresses without credentials. */
  protected abstract readonly named: { readonly variable: "NATS_URL" | "REDIS_URL"; readonly addresses: readonly string[] };
  protected readonly logger = new Logger("buffer");
  readonly #ending = new AbortController();
  #trouble: string | undefined = "not connected yet";
  #loggedAsUp: boolean | undefined;
  #monitoring: Promise<void> | undefined;

  /** True if the latest check, a few seconds ago at most, succeeded. */
  get isUp(): boolean {
    return this.#trouble === undefined;
  }

  /** The reason if the broker is not up. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** True if the broker accepts a delivery of this size. */
  abstract fits(delivery: Delivery): boolean;

  /**
   * Resolves when the broker has acknowledged the delivery.
   * @throws if the broker refuses, is down or times out; it may have stored the delivery nevertheless
   */
  abstract publish(delivery: Delivery, timeoutMs: number): Promise<void>;

  /** Waiting messages, within {@link FETCH}; none while the broker is down. Unacknowledged messages are delivered again. */
  abstract fetch(): Promise<readonly Message[]>;

  /** Deletes messages from the broker. */
  abstract acknowledge(messages: readonly Message[]): Promise<void>;

  /** Number of messages, including fetched ones without acknowledgement. @throws if the broker is down */
  abstract pending(): Promise<number>;

  /** Connects if needed and creates what is missing. @throws if the broker would refuse deliveries */
  protected abstract check(): Promise<void>;

  protected abstract disconnect(): Promise<void>;

  onApplicationBootstrap(): void {
    this.#monitoring ??= this.#monitor();
  }

  /** Runs after the public listener and the loops have stopped. */
  async onApplicationShutdown(): Promise<void> {
    this.#ending.abort();
    await this.disconnect();
    await this.#monitoring;
    // A running check may have connected again.
    await this.disconnect();
  }

  /** Marks the broker as down at once, without waiting for the next check. */
  protected lost(reason: string): void {
    if (this.#ending.signal.aborted) return;
    this.#trouble = reason;
    this.#logState();
  }

  async #monitor(): Promise<void> {
    const { signal } = this.#ending;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.check();
        failures = 0;
        this.#trouble = undefined;
        this.#logState();
      } catch (error) {
        failures += 1;
        this.lost(messageOf(error));
      }
      const pauseMs = failures > 0 ? backoff(failures, BACKOFF.firstMs, BACKOFF.maxMs) : CHECK_INTERVAL_MS;
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #logState(): void {
    if (this.#loggedAsUp === this.isUp || this.#ending.signal.aborted) return;
    this.#loggedAsUp = this.isUp;
    if (this.isUp) this.logger.log(`the buffer (${this.kind}) is up`);
    else {
      const cause = brokerTrouble(this.#trouble ?? "", this.named.variable, this.named.addresses);
      this.logger.warn(`the buffer (${this.kind}) is down, trying again until it is up: ${cause}`);
    }
  }
}
