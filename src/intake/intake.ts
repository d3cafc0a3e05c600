import type { Acceptance, Delivery } from "./delivery.js";

/** Stores deliveries for ingest: directly in the inbox, or in the buffer before it. */
export abstract class Intake {
  /**
   * Resolves when the delivery is stored durably.
   * @throws if storing failed; the delivery may be stored nevertheless, so the sender should repeat it
   */
  abstract accept(delivery: Delivery): Promise<Acceptance>;
}
