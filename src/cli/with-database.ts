import type { Config } from "../config/index.js";
import { createDataSource, statementsOf } from "../database/data-source.js";
import { missingMigrations } from "../database/migrate.js";
import type { Queryable } from "../database/index.js";
import { during } from "../stage.js";
import { explained } from "./explained.js";
import { prepare } from "./quick-start.js";

/**
 * Runs a command on the configured database, or on the embedded one of a running Octogauge.
 * @throws where the schema is older than this build
 */
export async function withDatabase<T>(config: Config, work: (database: Queryable) => Promise<T>): Promise<T> {
  const prepared = await prepare(config, (line) => console.error(line), { join: true });
  const dataSource = createDataSource(prepared.config, (error) => console.error(error.message));
  try {
    await during("database", () => dataSource.initialize());
    const missing = await missingMigrations(statementsOf(dataSource));
    if (missing.length > 0) throw new Error(`The schema lacks ${missing.join(", ")}; run: octogauge migrate`);
    return await work(statementsOf(dataSource));
  } catch (error) {
    throw explained(error, config);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    await prepared.embedded?.stop();
  }
}
