import { createHmac, randomBytes } from "node:crypto";
import { SECRET, type Signed, signedPayloads, wholeRuns } from "./payloads.js";

/** Digits at the front of every run and job id of a simulated history: they name the history, the rest counts. */
const PREFIX_DIGITS = 5;
const ID = /(?<!\d)\d{12}(?!\d)/g;

interface Template extends Signed {
  /** Where an id of the history begins in the body. */
  readonly ids: readonly number[];
}

/** The requests of a load run, each under a delivery id of its own. */
export class Requests {
  readonly #run = randomBytes(6).toString("hex");
  readonly #templates: readonly Template[];
  /** So that two runs on one database do not tell of the same jobs. */
  readonly #firstHistory = 10_000 + (randomBytes(2).readUInt16BE() % 40_000);
  #number = 0;

  /**
   * @param distinct whether each pass tells of new runs and jobs, as traffic does; it costs a copy and an HMAC for each
   *   request, which a measurement of acknowledgements alone need not pay
   */
  constructor(private readonly distinct: boolean) {
    this.#templates = (distinct ? wholeRuns() : signedPayloads()).map(({ event, body, signature }) => ({
      event,
      body,
      signature,
      ids: distinct ? idsIn(body) : [],
    }));
  }

  /** Ready for a socket. */
  next(): { head: string; body: Buffer } {
    const { id, event, body, signature } = this.nextDelivery();
    // What was told anew has no signature yet.
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

  /** The same history with other ids. */
  #retold(template: Template, pass: number): Buffer {
    const body = Buffer.from(template.body);
    const prefix = String(this.#firstHistory + pass);
    for (const at of template.ids) body.write(prefix, at, "latin1");
    return body;
  }
}

function idsIn(body: Buffer): number[] {
  // Latin 1, so that a place in the text is a place in the bytes.
  const text = body.toString("latin1");
  const run = /"run_id":(\d{12})/.exec(text)?.[1] ?? /"workflow_run":\{"id":(\d{12})/.exec(text)?.[1];
  if (!run) throw new Error("a payload without a run id: has the simulator changed?");
  const prefix = run.slice(0, PREFIX_DIGITS);
  return [...text.matchAll(ID)].filter(([id]) => id.startsWith(prefix)).map(({ index }) => index);
}
