import type { Config } from "../config/index.js";
import { createDataSource, statementsOf } from "../database/data-source.js";
import { migrateDatabase, missingMigrations } from "../database/migrate.js";
import { during } from "../stage.js";
import { explained } from "./explained.js";
import { prepare } from "./quick-start.js";

/** `octogauge migrate`: runs the missing migrations of this build. With `dryRun`, only lists them. */
export async function migrateCommand(config: Config, { dryRun }: { dryRun: boolean }): Promise<void> {
  const prepared = await prepare(config, (line) => console.error(line), { join: true });
  const dataSource = createDataSource(prepared.config, (error) => console.error(error.message));
  try {
    await during("database", () => dataSource.initialize());
    const names = dryRun
      ? await missingMigrations(statementsOf(dataSource))
      : await during("schema", () => migrateDatabase(prepared.config));
    console.log(names.length === 0 ? "The schema is up to date." : `${dryRun ? "Missing" : "Migrated"}: ${names.join(", ")}`);
  } catch (error) {
    throw explained(error, config);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    await prepared.embedded?.stop();
  }
}
