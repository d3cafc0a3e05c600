import { COUNTERS, GAUGES, HISTOGRAMS } from "../src/counters/catalogue.js";

/** Parses text format 0.0.4 strictly and independently of the product's code. Each deviation from the catalogue is a finding. */
export interface Exposition {
  /** Values by name and labels, as in the text. */
  readonly samples: ReadonlyMap<string, number>;
  readonly findings: readonly string[];
}

interface Known {
  readonly type: string;
  readonly labels: readonly string[];
}

/** Metrics that exist only with a buffer or CI_TRACES. */
const OPTIONAL: ReadonlySet<string> = new Set([GAUGES.bufferPending.name, GAUGES.ciTracesPending.name, GAUGES.ciTracesOldest.name]);
const CATALOGUE: ReadonlyMap<string, Known> = new Map(
  [...Object.values(COUNTERS), ...Object.values(HISTOGRAMS), ...Object.values(GAUGES)].map((family) => [family.name, family]),
);
const SUFFIXES: Readonly<Record<string, readonly string[]>> = { histogram: ["_bucket", "_sum", "_count"], counter: [""], gauge: [""] };
const VALUE = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf)$/;

export function readStrictly(bytes: Uint8Array): Exposition {
  const samples = new Map<string, number>();
  const findings: string[] = [];
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { samples, findings: ["it is no UTF-8"] };
  }
  const lines = text.split("\n");
  if (lines.pop() !== "") findings.push("the last line is not ended");
  const seen = new Set<string>();
  let family = "";
  let helped = "";
  for (const [index, line] of lines.entries()) {
    const find = (what: string) => findings.push(`line ${index + 1}: ${what}: ${JSON.stringify(line.slice(0, 300))}`);
    const comment = /^# (HELP|TYPE) ([a-z_]+) ([^\r]+)$/.exec(line);
    if (comment?.[1] === "HELP") {
      helped = comment[2] ?? "";
    } else if (comment) {
      family = comment[2] ?? "";
      if (helped !== family) find("TYPE without its HELP");
      if (CATALOGUE.get(family)?.type !== comment[3]) find("not in the catalogue");
      if (seen.has(family)) find("a family shown twice");
      seen.add(family);
    } else {
      const sample = readSample(line);
      if (typeof sample === "string") find(sample);
      else if (!belongs(sample, family)) find(`no sample of ${family}`);
      else if (samples.has(sample.key)) find("a series shown twice");
      else samples.set(sample.key, sample.value);
    }
  }
  for (const name of CATALOGUE.keys()) if (!seen.has(name) && !OPTIONAL.has(name)) findings.push(`${name} is missing`);
  return { samples, findings };
}

interface Sample {
  readonly key: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly value: number;
}

/** Reads character by character, so that it takes nothing in a value for structure. */
function readSample(line: string): Sample | string {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(line)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const name = take(/[a-zA-Z_:][a-zA-Z0-9_:]*/y);
  if (!name) return "no name";
  const labels: string[] = [];
  if (!take(/\{/y)) return "no labels";
  while (labels.length === 0 || take(/,/y)) {
    const label = take(/[a-zA-Z_][a-zA-Z0-9_]*/y);
    if (!label || !take(/="/y)) return "no label";
    // oxlint-disable-next-line no-control-regex
    take(/(?:[^"\\\u0000-\u001f\u007f]|\\[\\"n])*/y);
    if (!take(/"/y)) return `the value of ${label} is not escaped or not ended`;
    labels.push(label);
  }
  if (!take(/\}/y)) return "the labels are not ended";
  const key = line.slice(0, at);
  const value = line.slice(at + 1);
  if (line[at] !== " " || !VALUE.test(value)) return "no value";
  return { key, name, labels, value: value === "+Inf" ? Infinity : Number(value) };
}

function belongs({ name, labels, value }: Sample, family: string): boolean {
  const known = CATALOGUE.get(family);
  const suffix = name.slice(family.length);
  if (!known || !name.startsWith(family) || !SUFFIXES[known.type]?.includes(suffix)) return false;
  if (value < 0) return false;
  const wanted = suffix === "_bucket" ? [...known.labels, "le"] : known.labels;
  return labels.join() === wanted.join();
}
