import { Module } from "@nestjs/common";
import { Database } from "./database.js";
import { SchemaGate } from "./schema-gate.js";

/**
 * Enters: the address of a PostgreSQL. Leaves: one pool, transactions, a migrated schema.
 * Every room that keeps rows may call.
 */
@Module({ providers: [Database, SchemaGate], exports: [Database, SchemaGate] })
export class DatabaseModule {}
