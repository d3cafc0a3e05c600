// Public interface of this room: the pool, transactions, SQL helpers, the schema gate and leadership.
export {
  boolArray,
  float8Array,
  int2Array,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  utf8Array,
  uuidArray,
} from "./binary-array.js";
export { Database } from "./database.js";
export { DatabaseModule } from "./database.module.js";
export { isTransient, sqlState } from "./errors.js";
export { Leadership } from "./leadership.js";
export { UnusableFile } from "./routes.js";
export { SchemaGate } from "./schema-gate.js";
export { UnsuitableDatabase } from "./session.js";
export { type Queryable, sql } from "./sql.js";
