/** What a case came to. */
export interface Result {
  readonly name: string;
  /** Why it was not run. */
  readonly skipped?: string;
  readonly seconds: number;
  /** What did not hold; the case has passed when there is none. */
  readonly findings: readonly string[];
  readonly figures?: Figures;
  readonly notes?: readonly string[];
  /** The ends of the logs, where something did not hold. */
  readonly logs?: readonly string[];
}

export interface Figures {
  /** Distinct deliveries that got a 2xx. */
  readonly accepted: number;
  /** Attempts answered 503. */
  readonly refused: number;
  /** Attempts at a replica that was dead, starting or stopping. */
  readonly unanswered: number;
  readonly redelivered: number;
  readonly lost: number;
  readonly doubled: number;
  /** Seconds. */
  readonly longestAnswer: number;
  /** Seconds from the database's return until all worked again; the worst of several. */
  readonly recovery: number | undefined;
  readonly recoveredLast: string;
  /** MiB, of the replica that took most. */
  readonly peakMemory: number;
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
  const { accepted, refused, unanswered, redelivered, lost, doubled, longestAnswer, recovery, peakMemory } = figures;
  const counts = [accepted, refused, unanswered, redelivered, lost, doubled].map(String);
  return [name, ...counts, longestAnswer.toFixed(2), recovery?.toFixed(1) ?? "–", peakMemory.toFixed(0), verdict, notes.join("; ")];
}

/** The table as Markdown, in columns that line up. */
export function toTable(results: readonly Result[]): string {
  const rows = [COLUMNS, ...results.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body.map(line)].join("\n");
}
