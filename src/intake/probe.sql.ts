import { randomBytes, randomUUID } from "node:crypto";
import type { Database } from "../database/index.js";
import { acceptBatch } from "./accept.sql.js";

/** About a delivery's size; random, so that it takes its room on the disk. Bytes. */
const SIZE = 16_384;
const LANE_OF_NOBODY = 32_767;

class Undo extends Error {}

/**
 * Stores a delivery as any other is stored, and takes it back: a database can answer every question and take no delivery, after
 * a failover, say, or with a full disk.
 * @throws what the database says to that
 */
export async function probeInbox(database: Database): Promise<void> {
  const undo = new Undo();
  try {
    await database.transaction(async (transaction) => {
      const delivery = { id: randomUUID(), event: "probe", hookId: null, form: false, body: randomBytes(SIZE) };
      await acceptBatch(transaction, [{ delivery, projection: null, priority: LANE_OF_NOBODY }]);
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
}
