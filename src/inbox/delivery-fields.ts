import type { Fields } from "../logging/fields.js";
import { traceFields } from "../logging/trace-fields.js";
import type { Claimed } from "./claim.sql.js";
import type { Delivery } from "./delivery.js";
import { prune } from "./projection/prune.js";
import { repositoryOf, repositoryOfBytes } from "./projection/repository-of.js";

type Named = Pick<Delivery, "id" | "event"> & { readonly traceparent?: string | null | undefined };

/** What each log line of a delivery's life says of it. @param repository "" where it names none */
export const deliveryFields = ({ id, event, traceparent }: Named, repository: string): Fields => ({
  delivery_id: id,
  event,
  ...(repository === "" ? {} : { repository }),
  ...traceFields(traceparent),
});

/** Of one that was taken out of the inbox. */
export const claimedFields = (claimed: Claimed): Fields =>
  deliveryFields(claimed, claimed.projection === null ? "" : repositoryOf(claimed.projection));

/** Of one with its projection. */
export const pendingFields = (delivery: Named, projection: Buffer | null): Fields =>
  deliveryFields(delivery, projection === null ? "" : repositoryOfBytes(projection));

/** Of one that has no projection yet: it costs one. */
export const receivedFields = (delivery: Delivery): Fields => pendingFields(delivery, prune(delivery.event, delivery.form, delivery.body));
