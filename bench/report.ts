import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import type { Rounds } from "./statistics.js";

/** A bound of a benchmark and the measured value. */
export interface Verdict {
  readonly what: string;
  readonly measured: number;
  readonly bound: string;
  readonly met: boolean;
}

/** Result of a benchmark. */
export interface Result {
  readonly name: string;
  readonly conditions: string;
  readonly rounds: Rounds;
  readonly verdicts: readonly Verdict[];
}

export const atLeast = (what: string, measured: number, bound: number): Verdict => ({
  what,
  measured,
  bound: `>= ${bound}`,
  met: measured >= bound,
});
export const atMost = (what: string, measured: number, bound: number): Verdict => ({
  what,
  measured,
  bound: `<= ${bound}`,
  met: measured <= bound,
});

/** Machine and versions of the measurement. */
export function machine(database: string): Record<string, string> {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  return {
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    octogauge: version,
    database,
    date: new Date().toISOString(),
  };
}

export function toJson(result: Result): unknown {
  const { name, conditions, verdicts, rounds } = result;
  return { name, conditions, medians: Object.fromEntries(rounds.names.map((variant) => [variant, rounds.medians(variant)])), verdicts };
}

/** Tables in Markdown, ready for bench/NOTES.md and bench/NOTES.md. */
export function toMarkdown({ name, conditions, rounds, verdicts }: Result): string {
  const figures = Object.keys(rounds.medians(rounds.names[0] ?? ""));
  const rows = rounds.names.map((variant) => [variant, ...figures.map((figure) => show(rounds.medians(variant)[figure] ?? NaN))]);
  const bounds = verdicts.map(({ what, measured, bound, met }) => [
    what,
    show(measured),
    bound,
    Number.isNaN(measured) ? "not measured" : met ? "met" : "**not met**",
  ]);
  return [
    `## ${name}`,
    conditions,
    table(["variant", ...figures], rows),
    bounds.length > 0 ? table(["", "measured", "bound", ""], bounds) : "",
  ].join("\n\n");
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

function show(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}
