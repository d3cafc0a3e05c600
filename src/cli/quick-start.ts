import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join as path, resolve } from "node:path";
import type { Config } from "../config/index.js";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../database/embedded/embedded-postgres.js";
import { findPlatformPackage } from "../database/embedded/binaries.js";
import { during } from "../stage.js";
import { explained } from "./explained.js";

/** A configuration with a database, and the embedded server if the configuration had none. */
export interface Prepared {
  readonly config: Config;
  readonly embedded: EmbeddedPostgres | undefined;
  /** The generated secret; undefined where a secret is configured. */
  readonly generatedSecret: string | undefined;
}

/**
 * Without DATABASE_URL, starts the embedded database, and generates a webhook secret if none is configured.
 * @param join use the embedded server of another running Octogauge, for commands that run at the same time
 */
export async function prepare(config: Config, print: (line: string) => void, { join = false } = {}): Promise<Prepared> {
  if (config.DATABASE_URL) return { config, embedded: undefined, generatedSecret: undefined };
  try {
    return await during("embedded PostgreSQL", () => withEmbedded(config, print, join));
  } catch (error) {
    throw explained(error, config);
  }
}

async function withEmbedded(config: Config, print: (line: string) => void, join: boolean): Promise<Prepared> {
  // First of all: an image without this package is also read-only, and the missing package is the better error.
  await findPlatformPackage();
  const dataDir = resolve(config.DATA_DIR);
  mkdirSync(dataDir, { recursive: true });
  const generatedSecret = config.GITHUB_WEBHOOK_SECRET.length === 0 ? storedSecret(dataDir) : undefined;
  const embedded = await startEmbeddedPostgres({ dataDir: resolvePostgresDir(dataDir), join, log: print });
  const prepared = {
    ...config,
    DATABASE_URL: embedded.url,
    GITHUB_WEBHOOK_SECRET: generatedSecret ? [generatedSecret] : config.GITHUB_WEBHOOK_SECRET,
  };
  return { config: Object.freeze(prepared), embedded, generatedSecret };
}

const resolvePostgresDir = (dataDir: string): string => path(dataDir, "postgres");

/** The secret of the first start, so that the webhook at GitHub stays valid. */
function storedSecret(dataDir: string): string {
  const file = path(dataDir, "webhook-secret");
  if (!existsSync(file)) {
    // The rename makes the write atomic. A killed start leaves no incomplete secret.
    writeFileSync(
      `${file}.new`,
      `${randomBytes(24).toString("hex")}
`,
      { mode: 0o600 },
    );
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, "utf8").trim();
}
