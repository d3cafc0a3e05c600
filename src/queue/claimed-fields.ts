import { repositoryOf } from "../events/repository-of.js";
import { deliveryFields } from "../intake/delivery-fields.js";
import type { LogFields } from "../logging/fields.js";
import type { Claimed } from "./claim.sql.js";

/** Log fields of a claimed delivery. */
export const claimedFields = (claimed: Claimed): LogFields =>
  deliveryFields(claimed, claimed.projection === null ? "" : repositoryOf(claimed.projection));
