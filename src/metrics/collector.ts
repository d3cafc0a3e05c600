import type { Queryable } from "../database/index.js";
import type { CollectedFamily } from "./exposition.js";

/** Reads one part of the truth for a scrape. One that throws fails alone. */
export interface Collector {
  readonly name: string;
  /** @param askedAt when the scrape began, by `performance.now()`: what was committed before is to be in the answer */
  collect(on: Queryable, askedAt: number): Promise<readonly CollectedFamily[]>;
}

/** Injection token of all collectors, in the order of the exposition. */
export const COLLECTORS = Symbol("COLLECTORS");
