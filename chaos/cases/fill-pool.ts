import pg from "pg";
import type { ChaosCase } from "../case.js";
import { type ChaosPostgres, CROWD, SERVICE } from "../postgres.js";
import { sleep, until } from "../waiting.js";

const AT_ONCE = 10;

/** Other clients of the server, which open as many connections as they can. */
class Crowd {
  readonly #clients: pg.Client[] = [];
  readonly #leaving = new AbortController();
  #staying: Promise<void> | undefined;

  constructor(private readonly postgres: ChaosPostgres) {}

  get size(): number {
    return this.#clients.length;
  }

  /** Terminates Octogauge's connections and occupies them, until it has none. */
  async takeAll(): Promise<void> {
    // Opened before, because under many connection attempts PostgreSQL refuses even the reserved connections.
    const superuser = await this.postgres.connect();
    await until("others have all connections", 10, async () => {
      await superuser.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [SERVICE.name]);
      await this.#takeFree();
      const { rows } = await superuser.query("SELECT FROM pg_stat_activity WHERE usename = $1", [SERVICE.name]);
      return rows.length === 0;
    });
    await superuser.end();
    this.#staying = this.#stay();
  }

  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.#staying;
    await Promise.all(this.#clients.map((client) => client.end()));
  }

  async #stay(): Promise<void> {
    for (; !this.#leaving.signal.aborted; await sleep(100)) await this.#takeFree();
  }

  async #takeFree(): Promise<void> {
    for (let refused = false; !refused;) {
      const attempts = Array.from({ length: AT_ONCE }, async () => {
        const client = new pg.Client({ connectionString: this.postgres.urlOf(CROWD), connectionTimeoutMillis: 5_000 });
        client.on("error", () => undefined);
        await client.connect();
        this.#clients.push(client);
      });
      refused = (await Promise.allSettled(attempts)).some(({ status }) => status === "rejected");
    }
  }
}

export const fillPool: ChaosCase = {
  name: "fill-pool",
  what: "other clients occupy all of max_connections",
  seconds: 10,
  async run(stage, seconds) {
    const crowd = new Crowd(stage.postgres);
    try {
      await stage.outage(
        seconds,
        () => crowd.takeAll(),
        async () => {
          stage.notes.push(`${crowd.size} connections of others`);
          await crowd.leave();
        },
      );
    } finally {
      await crowd.leave();
    }
  },
};
