import { Module } from "@nestjs/common";
import { Database } from "./database.js";
import { databaseMetricProviders, DatabaseMetrics } from "./database.metrics.js";
import { Leadership } from "./leadership.js";
import { SchemaGate } from "./schema-gate.js";

/**
 * Enters: the address of a PostgreSQL. Leaves: one pool, transactions, a migrated schema.
 * Every room that keeps rows may call.
 */
@Module({
  providers: [Database, Leadership, SchemaGate, DatabaseMetrics, ...databaseMetricProviders],
  exports: [Database, Leadership, SchemaGate],
})
export class DatabaseModule {}
