import type { Database } from "../../src/database/database.js";
import type { Queryable } from "../../src/database/sql.js";
import { type Plan, readPlan } from "./plan.js";

/**
 * Explains every statement that goes through `database` before it runs. The plans are those of the product's own
 * statements with its own parameters, and new statements are included automatically.
 * @returns a list that grows with each statement
 */
export function explainAll(database: Database): Plan[] {
  const plans: Plan[] = [];
  const transaction = database.transaction.bind(database);
  const single: Queryable["query"] = async (text, values) => {
    await transaction(async (client) => {
      // The settings without a transaction.
      await client.query("SET LOCAL enable_bitmapscan TO DEFAULT");
      await explain(client, text, values);
    });
    return database.pool.query(text, values);
  };
  /** EXPLAIN ANALYZE runs the statement, since only this counts its buffers. Its effects are rolled back. */
  const explain = async (client: Queryable, text: string, values: unknown[] | undefined): Promise<void> => {
    await client.query("SAVEPOINT explained");
    const { rows } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
    await client.query("ROLLBACK TO SAVEPOINT explained");
    plans.push(readPlan(text, (rows[0] as { "QUERY PLAN": Parameters<typeof readPlan>[1] })["QUERY PLAN"]));
  };
  database.query = single;
  database.within = () => ({ query: single });
  database.transaction = (work) =>
    transaction((client) =>
      work({
        query: async (text, values) => {
          await explain(client, text, values);
          return client.query(text, values);
        },
      }),
    );
  return plans;
}
