import { readFileSync } from "node:fs";
import { idAt } from "../../src/workflow-state/event-time.js";

/** A delivery of a recorded sequence. */
export interface RecordedDelivery {
  readonly event: string;
  readonly delivery: string;
  readonly body: unknown;
}

const TIME = /"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"/g;
/** The distance from the newest time of a sequence to the test run. */
const MARGIN_MS = 300_000;

/** The text of a recorded sequence with all times moved by one constant, so that it has the same effect on any day. */
function shifted(text: string): { text: string; byMs: number } {
  const newest = Math.max(...[...text.matchAll(TIME)].map(([, time]) => Date.parse(time!)));
  const byMs = Math.floor((Date.now() - MARGIN_MS - newest) / 1_000) * 1_000;
  const moved = text.replaceAll(TIME, (_, time: string) => `"${new Date(Date.parse(time) + byMs).toISOString().replace(".000Z", "Z")}"`);
  return { text: moved, byMs };
}

/** Milliseconds since 1970 in a version-1 GUID. */
export function timeOfId(id: string): number {
  const ticks = BigInt(`0x${id.slice(15, 18)}${id.slice(9, 13)}${id.slice(0, 8)}`);
  return Number((ticks - 122_192_928_000_000_000n) / 10_000n);
}

/** Reads a sequence of test/truth/cases, moved to end a few minutes before the run. The times in ids move too. */
export function recorded(name: string): RecordedDelivery[] {
  const { text, byMs } = shifted(readFileSync(new URL(`../truth/cases/${name}.json`, import.meta.url), "utf8"));
  return (JSON.parse(text) as RecordedDelivery[]).map(({ event, delivery, body }) => ({
    event,
    delivery: idAt(timeOfId(delivery) + byMs),
    body,
  }));
}

/** Reads the REST answers of a sequence by path, with moved times. */
export function recordedAnswers(name: string): Record<string, unknown> {
  const { text } = shifted(readFileSync(new URL(`../truth/cases/${name}.github-answers.json`, import.meta.url), "utf8"));
  return JSON.parse(text) as Record<string, unknown>;
}
