import { repositoryOf } from "../events/index.js";
import { deliveryFields } from "../intake/index.js";
import type { LogFields } from "../logging/index.js";
import type { Claimed } from "./claim.sql.js";

/** Log fields of a claimed delivery. */
export const claimedFields = (claimed: Claimed): LogFields =>
  deliveryFields(claimed, claimed.projection === null ? "" : repositoryOf(claimed.projection));
