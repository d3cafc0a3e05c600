/** Label names and values in output order. */
export type SeriesLabels = Readonly<Record<string, string>>;

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** The Prometheus text of one series: `name{label="value",…}`. */
export function seriesKey(name: string, labels: SeriesLabels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}

/** Values by the Prometheus text of their series. */
export class SeriesMap extends Map<string, number> {
  /** Adds to a series, which starts at 0. */
  add(name: string, labels: SeriesLabels, amount = 1): void {
    const key = seriesKey(name, labels);
    this.set(key, (this.get(key) ?? 0) + amount);
  }

  /** Adds one observation (seconds) to a cumulative histogram with these upper bounds. */
  observe(name: string, labels: SeriesLabels, seconds: number, bounds: readonly number[]): void {
    for (const bound of bounds) {
      this.add(`${name}_bucket`, { ...labels, le: String(bound) }, seconds <= bound ? 1 : 0);
    }
    this.add(`${name}_bucket`, { ...labels, le: "+Inf" });
    this.add(`${name}_sum`, labels, seconds);
    this.add(`${name}_count`, labels);
  }
}
