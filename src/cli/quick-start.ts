import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join as path, resolve } from "node:path";
import type { Config } from "../config/index.js";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../database/embedded/embedded-postgres.js";
import { findPlatformPackage } from "../database/embedded/binaries.js";
import { during } from "../stage.js";
import { explained } from "./explained.js";

/** A configuration whose database is there, and the embedded server if one was needed. */
export interface Prepared {
  readonly config: Config;
  readonly embedded: EmbeddedPostgres | undefined;
  /** The generated secret, where none was configured. */
  readonly generatedSecret: string | undefined;
}

/**
 * Gives a configuration without a database the embedded one, and a generated secret where there is none.
 * @param join use the embedded server of another running Octogauge, for commands beside it
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
  // Before its directory: an image without that package is read-only as well, and it is the first that matters.
  await findPlatformPackage();
  const dataDir = resolve(config.DATA_DIR);
  mkdirSync(dataDir, { recursive: true });
  const generatedSecret = config.GITHUB_WEBHOOK_SECRET.length === 0 ? keptSecret(dataDir) : undefined;
  const embedded = await startEmbeddedPostgres({ dataDir: resolvePostgresDir(dataDir), join, log: print });
  const prepared = {
    ...config,
    DATABASE_URL: embedded.url,
    GITHUB_WEBHOOK_SECRET: generatedSecret ? [generatedSecret] : config.GITHUB_WEBHOOK_SECRET,
  };
  return { config: Object.freeze(prepared), embedded, generatedSecret };
}

const resolvePostgresDir = (dataDir: string): string => path(dataDir, "postgres");

/** The same secret at every start, so that the webhook at GitHub stays valid. */
function keptSecret(dataDir: string): string {
  const file = path(dataDir, "webhook-secret");
  if (!existsSync(file)) {
    // Renamed into place: a start that is killed here leaves no half-written secret behind.
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
