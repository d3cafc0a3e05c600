import { readStrictly } from "../exposition.js";
import type { Assault } from "./assault.js";

/** State of the database and /metrics after the inbox is empty. */
export interface Evidence {
  /** All stored delivery ids. */
  readonly ledger: readonly { readonly id: string }[];
  readonly dead: readonly { readonly id: string; readonly source: string; readonly error_class: string; readonly error: string }[];
  readonly metrics: Uint8Array;
}

export const LEDGER = "SELECT delivery_id::text AS id FROM octogauge.delivery_ledger";
export const DEAD = "SELECT delivery_id::text AS id, source, error_class, error FROM octogauge.dead_letters";

/** A name that, unescaped, would break out of its label, line and metric. */
export const MARKER = 'in"jec\\ted} 1\nfake_metric{a="b';
/** The correctly escaped marker. */
const ESCAPED = 'workflow="in\\"jec\\\\ted} 1\\nfake_metric{a=\\"b"';

/** Violations of: each stored delivery is counted once or is a dead letter with a reason, and all labels are escaped. */
export function judge({ accepted, countable, findings }: Assault, { ledger, dead, metrics }: Evidence): string[] {
  const found = [...findings];
  const known = new Set(ledger.map(({ id }) => id));
  const unknown = [...accepted].filter((id) => !known.has(id));
  if (unknown.length > 0) found.push(`${unknown.length} accepted ids are not in the ledger, such as ${unknown[0]}`);
  for (const { id, source, error_class, error } of dead) {
    if (!source || !error_class || !error) found.push(`dead letter ${id} has no reason`);
    if (countable.has(id)) found.push(`${id} has to be counted, but is a dead letter: ${source} ${error_class} ${error}`);
  }
  const { samples, findings: misprints } = readStrictly(metrics);
  found.push(...misprints);
  const counted = countedIn(samples);
  if (counted + dead.length !== ledger.length) {
    found.push(`${ledger.length} were stored, but ${counted} are counted and ${dead.length} are dead letters`);
  }
  if (![...samples.keys()].some((key) => key.includes(ESCAPED))) found.push("the marker is not there as it should be");
  return found;
}

/** Each processed delivery increments one series of github_events_total. */
export function countedIn(samples: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [key, value] of samples) if (key.startsWith("github_events_total{")) sum += value;
  return sum;
}
