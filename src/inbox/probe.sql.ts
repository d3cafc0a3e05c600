import { randomBytes } from "node:crypto";
import type { Database } from "../database/database.js";
import { sql } from "../database/sql.js";

/** About a delivery's size; random, so that it takes its room on the disk. Bytes. */
const SIZE = 16_384;
const LANE_OF_NOBODY = 32_767;

class Undo extends Error {}

/**
 * Stores a delivery's worth of bytes, and takes it back: a database can answer every question and take no delivery, after
 * a failover, say, or with a full disk.
 * @throws what the database says to that
 */
export async function probeInbox(database: Database): Promise<void> {
  const undo = new Undo();
  try {
    await database.transaction(async (transaction) => {
      await sql(
        transaction,
        `WITH payloads AS (INSERT INTO octogauge.payload_packs (bytes) VALUES ($2) RETURNING pack)
         INSERT INTO octogauge.inbox (priority, delivery_id, event, form, pack, pack_offset, bytes)
         SELECT $1, gen_random_uuid(), 'probe', false, pack, 0, $3::integer FROM payloads`,
        [LANE_OF_NOBODY, randomBytes(SIZE), SIZE],
      );
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
}
