import type { Family } from "../counters/catalogue.js";
import { type CollectedFamily, Samples } from "./exposition.js";

/** A gauge with one sample for each event; those beyond `most` fold into `other`. */
export function gaugeByEvent(family: Family, rows: readonly { event: string; count: number }[], most: number): CollectedFamily {
  const samples = new Samples(family);
  for (const [index, { event, count }] of rows.entries()) samples.set([index < most ? event : "other"], count);
  return samples.collected();
}
