import { randomBytes, randomUUID } from "node:crypto";
import type { Database } from "../database/index.js";
import { acceptBatch } from "./accept.sql.js";

/** About the size of a delivery. Random bytes, because compressible ones would need less disk space. */
const PROBE_BYTES = 16_384;
/** A lane that no worker claims. */
const PROBE_LANE = 32_767;

class Rollback extends Error {}

/**
 * Stores a test delivery and rolls it back. A database that answers queries may still refuse writes, for example after a failover
 * or with a full disk.
 * @throws the database's error
 */
export async function probeInbox(database: Database): Promise<void> {
  const rollback = new Rollback();
  try {
    await database.transaction(async (transaction) => {
      const delivery = { id: randomUUID(), event: "probe", hookId: null, form: false, body: randomBytes(PROBE_BYTES) };
      await acceptBatch(transaction, [{ delivery, projection: null, priority: PROBE_LANE }]);
      throw rollback;
    });
  } catch (error) {
    if (error !== rollback) throw error;
  }
}
