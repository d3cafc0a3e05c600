import pg from "pg";
import { withPayloads, type PayloadPlace, placeOf } from "../../src/intake/payloads.sql.js";

/** The payloads of all rows of a table by delivery, from rows and packs. */
export async function storedPayloads(url: string, table: "inbox" | "retries" | "dead_letters"): Promise<Map<string, Buffer | null>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<PayloadPlace & { id: string }>(
      `SELECT delivery_id::text AS id, ${placeOf("true")} FROM octogauge.${table} i ORDER BY delivery_id`,
    );
    return new Map((await withPayloads(client, rows)).map(({ id, payload }) => [id, payload]));
  } finally {
    await client.end();
  }
}
