import { createHmac } from "node:crypto";
import { generateHistory } from "../src/simulator/history.js";

export const SECRET = "benchmark";

/** A signed body that is sent many times with new delivery ids. */
export interface Signed {
  readonly event: string;
  readonly body: Buffer;
  readonly signature: string;
}

function* runAndJobEvents(deliveries: number): Generator<{ event: string; body: string }> {
  for (const { event, body } of generateHistory({ seed: 7, deliveries, pad: true, duplicateRate: 0, secondHookRate: 0 }))
    if (event === "workflow_job" || event === "workflow_run") yield { event, body };
}

function sign({ event, body }: { event: string; body: string }): Signed {
  const bytes = Buffer.from(body);
  return { event, body: bytes, signature: `sha256=${createHmac("sha256", SECRET).update(bytes).digest("hex")}` };
}

/** A few hundred run and job events of GitHub's sizes: jobs of 7 to 12 KB, runs of 15 to 25 KB, in the ratio of a simulated history. */
export function signedPayloads(count = 300): Signed[] {
  const payloads: Signed[] = [];
  for (const event of runAndJobEvents(count * 3)) {
    payloads.push(sign(event));
    if (payloads.length === count) break;
  }
  return payloads;
}

/** A short history in which all runs and jobs complete, so that repeating it leaves no open rows. */
export function wholeRuns(deliveries = 600): Signed[] {
  const events = [...runAndJobEvents(deliveries)].map(({ event, body }) => ({ event, body, of: identityOf(body) }));
  const ended = new Set(events.filter(({ of }) => of.action === "completed").map(({ of }) => of.thing));
  const cut = new Set(events.filter(({ of }) => !ended.has(of.thing)).map(({ of }) => of.run));
  return events.filter(({ of }) => !cut.has(of.run)).map(sign);
}

/** The run id, and the job or attempt id. */
function identityOf(body: string): { run: number; thing: string; action: string } {
  const { action, workflow_job: job, workflow_run: run } = JSON.parse(body) as Event;
  return job ? { run: job.run_id, thing: `job ${job.id}`, action } : { run: run!.id, thing: `run ${run!.id}/${run!.run_attempt}`, action };
}

interface Event {
  readonly action: string;
  readonly workflow_job?: { readonly id: number; readonly run_id: number };
  readonly workflow_run?: { readonly id: number; readonly run_attempt: number };
}

export const meanBytes = (payloads: readonly Signed[]): number =>
  payloads.reduce((sum, { body }) => sum + body.length, 0) / payloads.length;
