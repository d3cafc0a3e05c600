import { Module } from "@nestjs/common";
import { Database } from "./database.js";
import { databaseMetricProviders, DatabaseMetrics } from "./database.metrics.js";
import { Leadership } from "./leadership.js";
import { SchemaGate } from "./schema-gate.js";

/** Provides one connection pool, transactions and a migrated schema to every room that stores rows. */
@Module({
  providers: [Database, Leadership, SchemaGate, DatabaseMetrics, ...databaseMetricProviders],
  exports: [Database, Leadership, SchemaGate],
})
export class DatabaseModule {}
