import { eventLabel, type Family } from "../counters/index.js";
import { type CollectedFamily, Samples } from "./exposition.js";

/** A gauge with one sample for each event of GitHub's. */
export function gaugeByEvent(family: Family, rows: readonly { event: string; count: number }[]): CollectedFamily {
  const samples = new Samples(family);
  for (const { event, count } of rows) samples.set([eventLabel(event)], count);
  return samples.collected();
}
