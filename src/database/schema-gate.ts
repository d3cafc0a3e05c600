import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Database } from "./database.js";
import { messageOf, Outage } from "../logging/index.js";
import { migrateDatabase, missingMigrations } from "./migrate.js";

const POLL_MS = 500;
const RETRY_MS = 2_000;

/** Opens when the database has every migration of this build. Loops and the public listener wait for it. */
@Injectable()
export class SchemaGate {
  readonly ready: Promise<void>;
  #open!: () => void;
  readonly #logger = new Logger("database");

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
  ) {
    this.ready = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** With MIGRATIONS=run, runs the migrations; with `wait`, waits until another process has run them. Then opens. */
  async pass(): Promise<void> {
    if (this.config.MIGRATIONS === "run") {
      const ran = await migrateDatabase(this.config);
      if (ran.length > 0) this.#logger.log(`migrated: ${ran.join(", ")}`);
    } else {
      await this.#wait();
    }
    this.#open();
  }

  /** Connects and passes, with retries without a limit. Returns early on shutdown. */
  async passInTheEnd(): Promise<void> {
    const outage = new Outage(this.#logger);
    while (!this.database.isClosing) {
      try {
        await this.database.connect();
        await this.pass();
        return outage.worked();
      } catch (error) {
        if (this.database.isClosing) return;
        outage.failed(`the database is not available, retrying without a limit: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async #wait(): Promise<void> {
    for (let isLogged = false; !this.database.isClosing; isLogged = true) {
      const missing = await missingMigrations(this.database);
      if (missing.length === 0) return;
      if (!isLogged) this.#logger.log(`waiting for ${missing.length} migration(s), because MIGRATIONS=wait; run: octogauge migrate`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
