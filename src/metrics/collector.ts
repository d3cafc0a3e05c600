import type { Queryable } from "../database/sql.js";
import type { CollectedFamily } from "./exposition.js";

/** Reads one part of the truth for a scrape. One that throws fails alone. */
export interface Collector {
  readonly name: string;
  collect(on: Queryable): Promise<readonly CollectedFamily[]>;
}

/** Injection token of all collectors, in the order of the exposition. */
export const COLLECTORS = Symbol("COLLECTORS");
