import type { Pool, PoolClient, QueryConfig } from "pg";
import type { DatabaseMetrics } from "./database.metrics.js";
import { isTransient, sqlState } from "./errors.js";

/** Whether the connection itself failed: the server closed it, or its answer is missing or incomplete. */
function isBroken(error: unknown): boolean {
  if (sqlState(error) === undefined) return isTransient(error);
  return ["FATAL", "PANIC"].includes((error as { severity?: string }).severity ?? "");
}

/**
 * Connections of the pool, without those that are probably dead. A network cut closes no connection, so when one breaks,
 * all older ones are replaced too. Otherwise each would cost its own timeout.
 */
export class Connections {
  readonly #generationOf = new WeakMap<PoolClient, number>();
  readonly #broken = new WeakSet<PoolClient>();
  #generation = 0;

  constructor(
    private readonly pool: Pool,
    private readonly metrics: DatabaseMetrics,
  ) {
    pool.on("connect", (client) => this.#generationOf.set(client, this.#generation));
  }

  async take(): Promise<PoolClient> {
    for (;;) {
      const client = await this.#connect();
      if (this.#isCurrent(client)) return client;
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

  /** Runs a statement on a taken connection. After `timeoutSeconds` the statement fails and the connection counts as broken. */
  async query(client: PoolClient, timeoutSeconds: number, text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    const startedMs = performance.now();
    const elapsedSeconds = () => (performance.now() - startedMs) / 1_000;
    try {
      const result = await client.query({ text, values, query_timeout: timeoutSeconds * 1_000 } as QueryConfig);
      this.metrics.answered(elapsedSeconds());
      return result;
    } catch (error) {
      this.metrics.failed(error, elapsedSeconds());
      if (isBroken(error)) this.#broken.add(client);
      throw error;
    }
  }

  isBroken(client: PoolClient): boolean {
    return this.#broken.has(client);
  }

  /** @param isUsable false where the client may still be inside a transaction */
  giveBack(client: PoolClient, isUsable = true): void {
    const broken = this.isBroken(client);
    // Connections of one generation often break together; only the first starts a new generation.
    if (broken && this.#isCurrent(client)) this.#generation += 1;
    client.release(broken || !isUsable);
  }

  #isCurrent(client: PoolClient): boolean {
    return (this.#generationOf.get(client) ?? 0) === this.#generation;
  }
}
