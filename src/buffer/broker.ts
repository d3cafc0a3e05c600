import { backoff } from "../background/backoff.js";
import { withTimeout } from "../background/with-timeout.js";
import { messageOf } from "../logging/index.js";
import { Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { setTimeout as sleep } from "node:timers/promises";
import type { Delivery } from "../intake/index.js";
import { brokerTrouble } from "./causes.js";

/** A delivery on its way out of the buffer. */
export interface Message {
  /** Undefined where it is none of ours, or broken. */
  readonly delivery: Delivery | undefined;
  /** What the broker knows it by. */
  readonly receipt: string;
}

/** What was fetched and not acknowledged comes again after this time, to any worker. Longer than the slowest store. Milliseconds. */
export const RETURN_AFTER = 60_000;
/** Most messages and bytes of one fetch; a single message may be larger. */
export const FETCH = { messages: 200, bytes: 16_777_216 } as const;
/** Longest question to the broker, publishing excepted. Milliseconds. */
export const PATIENCE = 3_000;

/** @throws {TimedOut} */
export const answered = <T>(timeoutMs: number, work: Promise<T>): Promise<T> =>
  withTimeout(timeoutMs, work, `no answer within ${Math.round(timeoutMs)} ms`);

const CHECK_EVERY = 2_000;
const BACKOFF = { first: 100, most: 2_000 } as const;

/**
 * A server that keeps deliveries until they are in the inbox. It is connected to in the background and checked for ever,
 * with a capped and jittered backoff: that it is away ends neither a start nor a process.
 */
export abstract class Broker implements OnApplicationBootstrap, OnApplicationShutdown {
  abstract readonly kind: "nats" | "redis";
  /** The variable that names its servers, and their addresses without credentials. */
  protected abstract readonly named: { readonly variable: "NATS_URL" | "REDIS_URL"; readonly addresses: readonly string[] };
  protected readonly logger = new Logger("buffer");
  readonly #ending = new AbortController();
  #trouble: string | undefined = "not connected yet";
  #loggedUp: boolean | undefined;
  #keeping: Promise<void> | undefined;

  /** Whether it takes deliveries, as of the newest check, at most a few seconds ago. */
  get isUp(): boolean {
    return this.#trouble === undefined;
  }

  /** Why it does not. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Whether a delivery is small enough for it. */
  abstract fits(delivery: Delivery): boolean;

  /**
   * Fulfilled once the broker has acknowledged the delivery.
   * @param patience milliseconds
   * @throws where it refuses, is away or is too slow; it may have the delivery all the same
   */
  abstract publish(delivery: Delivery, patience: number): Promise<void>;

  /** What waits, as far as {@link FETCH} goes; nothing while it is away. It comes again unless it is acknowledged. */
  abstract fetch(): Promise<readonly Message[]>;

  /** Takes messages out for good. */
  abstract acknowledge(messages: readonly Message[]): Promise<void>;

  /** Deliveries in it, those that are fetched and not acknowledged included. @throws where it is away */
  abstract pending(): Promise<number>;

  /** Connects where it is not connected, and makes what is missing. @throws where it would take no delivery */
  protected abstract check(): Promise<void>;

  protected abstract disconnect(): Promise<void>;

  onApplicationBootstrap(): void {
    this.#keeping ??= this.#keep();
  }

  /** After the public listener and the loops have stopped. */
  async onApplicationShutdown(): Promise<void> {
    this.#ending.abort();
    await this.disconnect();
    await this.#keeping;
    // A check that was under way may just have connected.
    await this.disconnect();
  }

  /** The connection is gone: no need to wait for the next check. */
  protected lost(reason: string): void {
    if (this.#ending.signal.aborted) return;
    this.#trouble = reason;
    this.#tell();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#ending;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.check();
        failures = 0;
        this.#trouble = undefined;
        this.#tell();
      } catch (error) {
        failures += 1;
        this.lost(messageOf(error));
      }
      const pause = failures > 0 ? backoff(failures, BACKOFF.first, BACKOFF.most) : CHECK_EVERY;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  #tell(): void {
    if (this.#loggedUp === this.isUp || this.#ending.signal.aborted) return;
    this.#loggedUp = this.isUp;
    if (this.isUp) this.logger.log(`the buffer (${this.kind}) takes deliveries`);
    else {
      const cause = brokerTrouble(this.#trouble ?? "", this.named.variable, this.named.addresses);
      this.logger.warn(`the buffer (${this.kind}) takes no deliveries, trying for ever: ${cause}`);
    }
  }
}
