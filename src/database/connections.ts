import type { Pool, PoolClient, QueryConfig } from "pg";
import type { DatabaseMetrics } from "./database.metrics.js";
import { isTransient, sqlState } from "./errors.js";

/** Whether the connection itself failed: the server ended it, or said nothing, or not to the end. */
function isBroken(error: unknown): boolean {
  if (sqlState(error) === undefined) return isTransient(error);
  return ["FATAL", "PANIC"].includes((error as { severity?: string }).severity ?? "");
}

/**
 * The pool's connections, without those that are probably dead: a network that was cut tells neither side, so where one
 * connection gives no answer, all that were made before that moment are replaced instead of waiting for each in turn.
 */
export class Connections {
  readonly #madeBefore = new WeakMap<PoolClient, number>();
  readonly #broken = new WeakSet<PoolClient>();
  #failures = 0;

  constructor(
    private readonly pool: Pool,
    private readonly metrics: DatabaseMetrics,
  ) {
    pool.on("connect", (client) => this.#madeBefore.set(client, this.#failures));
  }

  async take(): Promise<PoolClient> {
    for (;;) {
      const client = await this.#connect();
      if (this.#isOfNow(client)) return client;
      client.release(true);
    }
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.pool.connect();
    } catch (error) {
      this.metrics.notConnected();
      throw error;
    }
  }

  /** Runs a statement on a taken connection, and gives it up after so many seconds, together with the connection. */
  async ask(client: PoolClient, seconds: number, text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    const began = performance.now();
    const took = () => (performance.now() - began) / 1_000;
    try {
      const result = await client.query({ text, values, query_timeout: seconds * 1_000 } as QueryConfig);
      this.metrics.answered(took());
      return result;
    } catch (error) {
      this.metrics.failed(error, took());
      if (isBroken(error)) this.#broken.add(client);
      throw error;
    }
  }

  isBroken(client: PoolClient): boolean {
    return this.#broken.has(client);
  }

  /** @param isUsable false where it is in a state that nobody else should meet */
  giveBack(client: PoolClient, isUsable = true): void {
    const broken = this.isBroken(client);
    // Of those that break together the first one speaks for all.
    if (broken && this.#isOfNow(client)) this.#failures += 1;
    client.release(broken || !isUsable);
  }

  #isOfNow(client: PoolClient): boolean {
    return (this.#madeBefore.get(client) ?? 0) === this.#failures;
  }
}
