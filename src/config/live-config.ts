import { Inject, Injectable, Logger } from "@nestjs/common";
import { readFileSync } from "node:fs";
import { CONFIG, type Config } from "./config.js";
import { rememberSecrets } from "./secret-values.js";
import { variables } from "./variables.js";

/** A file is read again after this time. */
const MAX_AGE_MS = 1_000;

type LiveVariable = "GITHUB_WEBHOOK_SECRET" | "GITHUB_APP_PRIVATE_KEY" | "GITHUB_TOKEN" | "METRICS_TOKEN" | "DATABASE_URL";

interface Reading {
  value: unknown;
  text: string | undefined;
  readAtMs: number;
}

/**
 * The current secrets. Files (`_FILE`) are read again on use, at most once a second, so that secrets can be rotated without
 * a restart. If a file is missing or invalid, the last valid value stays.
 */
@Injectable()
export class LiveConfig {
  readonly #logger = new Logger("config");
  readonly #readings = new Map<LiveVariable, Reading>();

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

  #current<Name extends LiveVariable>(name: Name): Config[Name] {
    const file = this.config.FILES.get(name);
    if (file === undefined) return this.config[name];
    const nowMs = performance.now();
    const reading = this.#readings.get(name) ?? { value: this.config[name], text: undefined, readAtMs: Number.NEGATIVE_INFINITY };
    if (nowMs - reading.readAtMs >= MAX_AGE_MS) {
      reading.readAtMs = nowMs;
      this.#readings.set(name, reading);
      this.#read(name, file, reading);
    }
    return reading.value as Config[Name];
  }

  #read(name: LiveVariable, file: string, reading: Reading): void {
    try {
      const text = readFileSync(file, "utf8").replace(/\r?\n$/, "");
      if (text === reading.text) return;
      const parsed = variables[name].safeParse(text);
      if (!parsed.success || text.trim() === "" || (Array.isArray(parsed.data) && parsed.data.length === 0))
        throw new Error(parsed.success ? "it is empty" : "its value is not allowed");
      if (reading.text !== undefined) this.#logger.log(`${name} was read again from ${name}_FILE`);
      rememberSecrets({ [name]: parsed.data });
      reading.text = text;
      reading.value = parsed.data;
    } catch (error) {
      // The message contains neither the text nor the error of the parser, because the value is a secret.
      const reason = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : "");
      this.#logger.warn(`${name}_FILE cannot be used (${reason}); the previous value stays in use`);
    }
  }
}
