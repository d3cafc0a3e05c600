import pg from "pg";
import { report } from "./report.js";

// The minimum work of a worker that reads payloads: claim, fetch, JSON.parse, delete; batches of 100, two loops.
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 2 });
const CLAIM = `
  WITH claimed AS MATERIALIZED (SELECT priority, seq FROM octogauge.inbox ORDER BY priority, seq LIMIT 100 FOR UPDATE SKIP LOCKED)
  DELETE FROM octogauge.inbox i USING claimed c WHERE i.priority = c.priority AND i.seq = c.seq RETURNING i.payload`;

async function drain(): Promise<number> {
  for (let total = 0; ;) {
    const { rows } = await pool.query<{ payload: Buffer }>(CLAIM);
    for (const { payload } of rows) JSON.parse(payload.toString("utf8"));
    total += rows.length;
    if (rows.length === 0) return total;
  }
}

await report(async () => (await Promise.all([drain(), drain()])).reduce((sum, count) => sum + count));
