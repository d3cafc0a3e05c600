import { type Config, LiveConfig, withoutSecrets } from "../config/index.js";
import { createDataSource, statementsOf } from "../database/data-source.js";
import { messageOf } from "../logging/index.js";
import { missingMigrations } from "../database/migrate.js";
import { Credentials } from "../github/index.js";
import { during } from "../stage.js";
import { explained } from "./explained.js";

/** `octogauge config check --connect`: tries the database and GitHub. @returns lines, and whether both work */
export async function connectLines(config: Config): Promise<{ lines: string[]; works: boolean }> {
  const tries = [["database", () => databaseLine(config)] as const, ["GitHub", () => githubLine(config)] as const];
  const results = await Promise.all(
    tries.map(async ([name, attempt]) => {
      try {
        return { line: `${name}: ${await attempt()}`, works: true };
      } catch (error) {
        return { line: withoutSecrets(`${name}: ${messageOf(error)}`), works: false };
      }
    }),
  );
  return { lines: results.map(({ line }) => line), works: results.every(({ works }) => works) };
}

async function databaseLine(config: Config): Promise<string> {
  if (!config.DATABASE_URL) return "not tried: DATABASE_URL is empty, so Octogauge starts an embedded PostgreSQL";
  const dataSource = createDataSource(config, () => undefined);
  try {
    await during("database", () => dataSource.initialize());
    const missing = await during("schema", () => missingMigrations(statementsOf(dataSource)));
    return missing.length === 0
      ? "works, and its schema is up to date"
      : `works; ${missing.length} migrations are missing (octogauge migrate)`;
  } catch (error) {
    throw explained(error, config);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

async function githubLine(config: Config): Promise<string> {
  const credentials = new Credentials(config, new LiveConfig(config));
  if (!credentials.exist) return "not tried: there are no credentials; only repair needs them";
  const name = credentials.isApp ? "GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY" : "GITHUB_TOKEN";
  try {
    const { octokit } = await credentials.for({ kind: "app" });
    await octokit.request(credentials.isApp ? "GET /app" : "GET /rate_limit");
    return `works, with ${name}`;
  } catch (error) {
    throw new Error(`${config.GITHUB_API_URL} does not accept ${name} (${messageOf(error)})`, { cause: error });
  }
}
