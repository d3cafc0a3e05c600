import { Inject, Injectable, Logger } from "@nestjs/common";
import { readFileSync } from "node:fs";
import { CONFIG, type Config } from "./config.js";
import { rememberSecrets } from "./secret-values.js";
import { variables } from "./variables.js";

/** How old a reading may be. Milliseconds. */
const FRESH_MS = 1_000;

type Live = "GITHUB_WEBHOOK_SECRET" | "GITHUB_APP_PRIVATE_KEY" | "GITHUB_TOKEN" | "METRICS_TOKEN" | "DATABASE_URL";

interface Reading {
  value: unknown;
  text: string | undefined;
  readAt: number;
}

/**
 * The secrets as they are now: those that came from a file (`_FILE`) are read again at most once a second, when they are
 * asked for, so that they can be rotated without a restart. A file that is away or says nothing usable leaves the value
 * that was good before.
 */
@Injectable()
export class LiveConfig {
  readonly #logger = new Logger("config");
  readonly #readings = new Map<Live, Reading>();

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  get webhookSecrets(): readonly string[] {
    return this.#current("GITHUB_WEBHOOK_SECRET");
  }

  get githubAppPrivateKey(): string | undefined {
    return this.#current("GITHUB_APP_PRIVATE_KEY");
  }

  get githubToken(): string | undefined {
    return this.#current("GITHUB_TOKEN");
  }

  get metricsToken(): string | undefined {
    return this.#current("METRICS_TOKEN");
  }

  get databaseUrl(): string | undefined {
    return this.#current("DATABASE_URL");
  }

  #current<Name extends Live>(name: Name): Config[Name] {
    const file = this.config.FILES.get(name);
    if (file === undefined) return this.config[name];
    const now = performance.now();
    const reading = this.#readings.get(name) ?? { value: this.config[name], text: undefined, readAt: Number.NEGATIVE_INFINITY };
    if (now - reading.readAt >= FRESH_MS) {
      reading.readAt = now;
      this.#readings.set(name, reading);
      this.#read(name, file, reading);
    }
    return reading.value as Config[Name];
  }

  #read(name: Live, file: string, reading: Reading): void {
    try {
      const text = readFileSync(file, "utf8").replace(/\r?\n$/, "");
      if (text === reading.text) return;
      const parsed = variables[name].safeParse(text);
      if (!parsed.success || text.trim() === "" || (Array.isArray(parsed.data) && parsed.data.length === 0))
        throw new Error(parsed.success ? "it is empty" : "it holds nothing that is allowed");
      if (reading.text !== undefined) this.#logger.log(`${name} was read again from ${name}_FILE`);
      rememberSecrets({ [name]: parsed.data });
      reading.text = text;
      reading.value = parsed.data;
    } catch (error) {
      // Neither the text nor the parser's message is shown: it is a secret.
      const reason = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : "");
      this.#logger.warn(`${name}_FILE cannot be used (${reason}); going on with the value from before`);
    }
  }
}
