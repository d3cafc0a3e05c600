import { AggregatorRegistry } from "prom-client";

/** One metric as prom-client tells it to another process. */
export type Told = { readonly type: unknown };

/** What adds up over lives: the rest is about a process that is there. */
const CUMULATIVE = new Set<unknown>(["counter", "histogram", "summary"]);

/**
 * Adds up what the processes of a machine tell of themselves. What a process that ended had counted stays counted, or
 * its end would look like the reset of a counter, and `rate()` would count all the rest once more.
 */
export class ProcessTotals {
  readonly #living = new Map<number, readonly Told[]>();
  #dead: readonly Told[] = [];

  /** @param metrics as of `getMetricsAsJSON()`; undefined where it did not answer: then what it told last still holds */
  note(process: number, metrics: readonly Told[] | undefined): void {
    if (metrics) this.#living.set(process, metrics);
  }

  /** The process has ended. */
  async bury(process: number): Promise<void> {
    const last = this.#living.get(process)?.filter(({ type }) => CUMULATIVE.has(type)) ?? [];
    this.#living.delete(process);
    const merged = AggregatorRegistry.aggregate([this.#dead, last] as unknown as object[]);
    // Until they are added up, and for a scrape meanwhile, both stand side by side.
    this.#dead = [...this.#dead, ...last];
    this.#dead = (await merged.getMetricsAsJSON()) as unknown as Told[];
  }

  /** All of it as a text exposition. */
  text(): Promise<string> {
    return AggregatorRegistry.aggregate([...this.#living.values(), this.#dead] as unknown as object[]).metrics();
  }
}
