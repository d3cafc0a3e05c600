import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

/** A new database for the caller: migrated (a clone of the template) or empty. */
export const freshDatabase = ({ migrated = true } = {}): Promise<string> => create(migrated ? "TEMPLATE octogauge_template" : "");

/** Copies a database without connections file by file, which keeps a large one out of the WAL. */
export const cloneOf = (url: string): Promise<string> => create(`TEMPLATE ${new URL(url).pathname.slice(1)} STRATEGY file_copy`);

async function create(from: string): Promise<string> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  await onServer(`CREATE DATABASE ${name} ${from}`);
  const url = new URL(inject("serverUrl"));
  url.pathname = `/${name}`;
  return url.href;
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject("serverUrl") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Runs a statement on a test's database, bypassing the product. */
export async function rowsOf<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
