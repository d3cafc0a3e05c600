import type { Family } from "./catalogue.js";
import { Increments } from "./increments.js";
import { renderLabels } from "./labels.js";
import type { LabelPolicy } from "./label-policy.js";

/** Sums the increments of a batch under the labels that the policy exposes. */
export class MetricDelta {
  readonly increments = new Increments();

  constructor(
    private readonly policy: LabelPolicy,
    private readonly buckets: ReadonlyMap<string, readonly number[]>,
  ) {}

  /** Label values in the order of the family's labels. */
  add(family: Family, values: readonly string[], amount = 1): void {
    this.increments.add(family.name, this.#labels(family, values), amount);
  }

  /** @param seconds not negative */
  observe(family: Family, values: readonly string[], seconds: number): void {
    const bounds = this.buckets.get(family.name) ?? this.buckets.get("default") ?? [];
    this.increments.observe(family.name, this.#labels(family, values), bounds, seconds);
  }

  #labels(family: Family, values: readonly string[]): string {
    return renderLabels(family.labels, this.policy.shown(family.labels, values));
  }
}
