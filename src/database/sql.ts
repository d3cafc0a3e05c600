/** Runs statements: the pool, or one client inside a transaction. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/**
 * Runs one parameterised statement, unnamed because of transaction poolers.
 * @returns its rows; the caller declares their type
 */
export async function sql<Row = Record<string, unknown>>(on: Queryable, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const result = await on.query(text, values as unknown[]);
  return result.rows as Row[];
}
