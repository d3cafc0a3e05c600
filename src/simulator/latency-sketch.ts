const growth = 1.02;

/** Percentiles of any number of latencies, to within 2 %, in a small fixed amount of memory. */
export class LatencySketch {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** Adds one latency in milliseconds. */
  add(milliseconds: number): void {
    const bucket = Math.ceil(Math.log(Math.max(0.01, milliseconds)) / Math.log(growth));
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total++;
  }

  /** The latency (ms) at a quantile (0 to 1); 0 if there are none. */
  percentile(share: number): number {
    let left = Math.ceil(this.#total * share);
    for (const [bucket, count] of [...this.#counts].toSorted(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return growth ** bucket;
    }
    return 0;
  }
}
