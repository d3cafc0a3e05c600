import type { Pool, PoolClient } from "pg";
import { isTransient, sqlState } from "./errors.js";

/** Whether the connection itself failed: the server ended it, or said nothing, or not to the end. */
export function isBroken(error: unknown): boolean {
  if (sqlState(error) === undefined) return isTransient(error);
  return ["FATAL", "PANIC"].includes((error as { severity?: string }).severity ?? "");
}

/**
 * The pool's connections, without those that are probably dead: a network that was cut tells neither side, so where one
 * connection gives no answer, all that were made before that moment are replaced instead of waiting for each in turn.
 */
export class Connections {
  readonly #madeBefore = new WeakMap<PoolClient, number>();
  #failures = 0;

  constructor(private readonly pool: Pool) {
    pool.on("connect", (client) => this.#madeBefore.set(client, this.#failures));
  }

  async take(): Promise<PoolClient> {
    for (;;) {
      const client = await this.pool.connect();
      if ((this.#madeBefore.get(client) ?? 0) === this.#failures) return client;
      client.release(true);
    }
  }

  /** @param reason why it is of no further use, if so */
  giveBack(client: PoolClient, reason?: unknown): void {
    // Of those that break together the first one speaks for all.
    if (isBroken(reason) && (this.#madeBefore.get(client) ?? 0) === this.#failures) this.#failures += 1;
    client.release(reason !== undefined);
  }
}
