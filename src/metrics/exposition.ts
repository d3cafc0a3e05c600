import { type Family, renderLabels } from "../counters/index.js";

/** A family with its samples as exposition lines, each ended by a line feed, in UTF-8 and in pages. */
export interface CollectedFamily {
  readonly family: Family;
  readonly samples: readonly Buffer[];
}

export type Format = "text" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** OpenMetrics where the scraper prefers it, by `Accept` (RFC 9110, 12.5.1), else the text format. */
export function negotiate(accept: string | undefined): Format {
  if (accept === undefined) return "text";
  const weights = new Map<string, number>();
  for (const range of accept.toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const weight = quality === undefined ? 1 : Number(quality) || 0;
    weights.set(type, Math.max(weight, weights.get(type) ?? 0));
  }
  const open = weights.get("application/openmetrics-text") ?? 0;
  const text = weights.get("text/plain") ?? weights.get("text/*") ?? 0;
  return open > 0 && open >= text ? "openmetrics" : "text";
}

/** The pages of the whole exposition; a family is shown with HELP and TYPE even while it has no sample. */
export function expose(families: readonly CollectedFamily[], format: Format): Buffer[] {
  const pages: Buffer[] = [];
  for (const { family, samples } of families) {
    const { name, type } = format === "openmetrics" ? openMetricsFamily(family) : family;
    pages.push(Buffer.from(`# HELP ${name} ${family.help}\n# TYPE ${name} ${type}\n`), ...samples);
  }
  if (format === "openmetrics") pages.push(Buffer.from("# EOF\n"));
  return pages;
}

/** OpenMetrics names a counter's family without the suffix of its samples, and has no counters without that suffix. */
function openMetricsFamily({ name, type }: Family): { name: string; type: string } {
  if (type !== "counter") return { name, type };
  return name.endsWith("_total") ? { name: name.slice(0, -"_total".length), type } : { name, type: "unknown" };
}

/** Adds up equal label sets and renders them in order: the same rows give the same text, from any replica. */
export class Samples {
  readonly #values = new Map<string, number>();

  constructor(
    private readonly family: Family,
    private readonly combine: (a: number, b: number) => number = (a, b) => a + b,
  ) {}

  set(values: readonly string[], value: number): void {
    this.#join(renderLabels(this.family.labels, values), value);
  }

  /** The greatest of them; the rest is folded. Of equal ones the first by their labels: the same from any replica. */
  within(most: number, folded: (labels: string) => string): Samples {
    if (this.#values.size <= most) return this;
    const kept = new Samples(this.family, this.combine);
    const sorted = [...this.#values].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
    for (const [index, [labels, value]] of sorted.entries()) kept.#join(index < most ? labels : folded(labels), value);
    return kept;
  }

  #join(labels: string, value: number): void {
    const before = this.#values.get(labels);
    this.#values.set(labels, before === undefined ? value : this.combine(before, value));
  }

  collected(): CollectedFamily {
    const lines = [...this.#values]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([labels, value]) => `${this.family.name}{${labels}} ${value}\n`);
    return { family: this.family, samples: [Buffer.from(lines.join(""))] };
  }
}
