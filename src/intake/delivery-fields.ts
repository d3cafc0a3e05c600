import { projectionOf, repositoryOfBytes } from "../events/index.js";
import { type LogFields, traceFields } from "../logging/index.js";
import type { Delivery } from "./delivery.js";

type Named = Pick<Delivery, "id" | "event"> & { readonly traceparent?: string | null | undefined };

/** Log fields of a delivery. @param repository "" if the delivery names none */
export const deliveryFields = ({ id, event, traceparent }: Named, repository: string): LogFields => ({
  delivery_id: id,
  event,
  ...(repository === "" ? {} : { repository }),
  ...traceFields(traceparent),
});

/** Log fields of a delivery with its projection. */
export const pendingFields = (delivery: Named, projection: Buffer | null): LogFields =>
  deliveryFields(delivery, projection === null ? "" : repositoryOfBytes(projection));

/** Log fields of a delivery without a projection. Computing one takes some microseconds. */
export const receivedFields = (delivery: Delivery): LogFields =>
  pendingFields(delivery, projectionOf(delivery.event, delivery.form, delivery.body));
