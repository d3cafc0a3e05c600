import type { Acceptance, Delivery } from "./delivery.js";

/** Where ingest hands its deliveries to: the inbox, or what stands before it. */
export abstract class Intake {
  /**
   * Fulfilled once the delivery cannot be lost any more.
   * @throws where it could not be stored; it may have been all the same, and its sender should repeat it
   */
  abstract accept(delivery: Delivery): Promise<Acceptance>;
}
