import type { LogFields } from "../logging/fields.js";
import { traceFields } from "../logging/trace-fields.js";
import type { Claimed } from "./claim.sql.js";
import type { Delivery } from "../intake/delivery.js";
import { projectionOf } from "../events/project.js";
import { repositoryOf, repositoryOfBytes } from "../events/repository-of.js";

type Named = Pick<Delivery, "id" | "event"> & { readonly traceparent?: string | null | undefined };

/** What each log line of a delivery's life says of it. @param repository "" where it names none */
export const deliveryFields = ({ id, event, traceparent }: Named, repository: string): LogFields => ({
  delivery_id: id,
  event,
  ...(repository === "" ? {} : { repository }),
  ...traceFields(traceparent),
});

/** Of one that was taken out of the inbox. */
export const claimedFields = (claimed: Claimed): LogFields =>
  deliveryFields(claimed, claimed.projection === null ? "" : repositoryOf(claimed.projection));

/** Of one with its projection. */
export const pendingFields = (delivery: Named, projection: Buffer | null): LogFields =>
  deliveryFields(delivery, projection === null ? "" : repositoryOfBytes(projection));

/** Of one that has no projection yet: it costs one. */
export const receivedFields = (delivery: Delivery): LogFields =>
  pendingFields(delivery, projectionOf(delivery.event, delivery.form, delivery.body));
