/** Result of a case. */
export interface Result {
  readonly name: string;
  /** The reason if the case did not run. */
  readonly skipped?: string;
  readonly seconds: number;
  /** Violated conditions; the case passes if there are none. */
  readonly findings: readonly string[];
  readonly figures?: Figures;
  readonly notes?: readonly string[];
  /** The last lines of the logs of a failed case. */
  readonly logs?: readonly string[];
}

export interface Figures {
  /** Distinct deliveries that got a 2xx. */
  readonly accepted: number;
  /** Number of 503 answers. */
  readonly refused: number;
  /** Attempts without answer, at a replica that was down, starting or stopping. */
  readonly unanswered: number;
  readonly redelivered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly longestAnswerSeconds: number;
  /** From the return of the database until everything works; the maximum of several outages. */
  readonly recoverySeconds: number | undefined;
  readonly recoveredLast: string;
  /** Of the replica with the highest peak. */
  readonly peakMemoryMebibytes: number;
}

const COLUMNS = [
  "case",
  "accepted",
  "refused",
  "unanswered",
  "redelivered",
  "lost",
  "doubled",
  "longest answer (s)",
  "recovery (s)",
  "peak memory (MiB)",
  "verdict",
  "notes",
];

function cells({ name, skipped, findings, figures, notes = [] }: Result): string[] {
  const verdict = skipped ? "SKIPPED" : findings.length === 0 ? "held" : "FAILED";
  if (!figures) return [name, ...Array.from({ length: COLUMNS.length - 3 }, () => "–"), verdict, skipped ?? ""];
  const { accepted, refused, unanswered, redelivered, lost, doubled, longestAnswerSeconds, recoverySeconds, peakMemoryMebibytes } = figures;
  const counts = [accepted, refused, unanswered, redelivered, lost, doubled].map(String);
  return [
    name,
    ...counts,
    longestAnswerSeconds.toFixed(2),
    recoverySeconds?.toFixed(1) ?? "–",
    peakMemoryMebibytes.toFixed(0),
    verdict,
    notes.join("; "),
  ];
}

/** Formats the results as Markdown table with aligned columns. */
export function toTable(results: readonly Result[]): string {
  const rows = [COLUMNS, ...results.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body.map(line)].join("\n");
}
