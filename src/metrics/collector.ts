import type { Queryable } from "../database/index.js";
import type { CollectedFamily } from "./exposition.js";

/** Reads some families for a scrape. An error affects only this collector. */
export interface Collector {
  readonly name: string;
  /** @param askedAt start of the scrape, by `performance.now()`; the result includes everything committed before */
  collect(on: Queryable, askedAt: number): Promise<readonly CollectedFamily[]>;
}

/** Injection token of all collectors, in the order of the exposition. */
export const COLLECTORS = Symbol("COLLECTORS");
