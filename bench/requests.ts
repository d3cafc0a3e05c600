import { createHmac, randomBytes } from "node:crypto";
import { SECRET, type Signed, signedPayloads, wholeRuns } from "./payloads.js";

/** Leading digits of each run and job id, which identify the simulated history; the other digits count. */
const PREFIX_DIGITS = 5;
const ID = /(?<!\d)\d{12}(?!\d)/g;

interface Template extends Signed {
  /** Offsets of the ids of the history in the body. */
  readonly ids: readonly number[];
}

/** The requests of a load run, each with a new delivery id. */
export class Requests {
  readonly #run = randomBytes(6).toString("hex");
  readonly #templates: readonly Template[];
  /** Differs between load runs, so that two runs on one database have different job ids. */
  readonly #firstHistory = 10_000 + (randomBytes(2).readUInt16BE() % 40_000);
  #number = 0;

  /**
   * @param distinct true: each pass has new run and job ids, like real traffic. That takes a copy and an HMAC per request, which
   *   measurements of ingest alone avoid
   */
  constructor(private readonly distinct: boolean) {
    this.#templates = (distinct ? wholeRuns() : signedPayloads()).map(({ event, body, signature }) => ({
      event,
      body,
      signature,
      ids: distinct ? idsIn(body) : [],
    }));
  }

  /** The bytes of the next request. */
  next(): { head: string; body: Buffer } {
    const { id, event, body, signature } = this.nextDelivery();
    // A body with new ids has no signature yet.
    const signed = signature ?? `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
    return {
      head: `POST /webhook HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-github-event: ${event}\r\nx-hub-signature-256: ${signed}\r\nx-github-hook-id: 1\r\ncontent-length: ${body.length}\r\nx-github-delivery: ${id}\r\n\r\n`,
      body,
    };
  }

  nextDelivery(): { id: string; event: string; body: Buffer; signature: string | undefined } {
    const number = (this.#number += 1);
    const template = this.#templates[number % this.#templates.length]!;
    const run = this.#run;
    const id = `${number.toString(16).padStart(8, "0")}-${run.slice(0, 4)}-4${run.slice(4, 7)}-8${run.slice(7, 10)}-${run}`;
    if (!this.distinct) return { id, event: template.event, body: template.body, signature: template.signature };
    const body = this.#retold(template, Math.floor(number / this.#templates.length));
    return { id, event: template.event, body, signature: undefined };
  }

  /** Copies a body with other run and job ids. */
  #retold(template: Template, pass: number): Buffer {
    const body = Buffer.from(template.body);
    const prefix = String(this.#firstHistory + pass);
    for (const at of template.ids) body.write(prefix, at, "latin1");
    return body;
  }
}

function idsIn(body: Buffer): number[] {
  // Latin 1, so that offsets in the text are byte offsets.
  const text = body.toString("latin1");
  const run = /"run_id":(\d{12})/.exec(text)?.[1] ?? /"workflow_run":\{"id":(\d{12})/.exec(text)?.[1];
  if (!run) throw new Error("a payload without a run id: has the simulator changed?");
  const prefix = run.slice(0, PREFIX_DIGITS);
  return [...text.matchAll(ID)].filter(([id]) => id.startsWith(prefix)).map(({ index }) => index);
}
