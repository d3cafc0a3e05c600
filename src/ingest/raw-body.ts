import type { IncomingMessage } from "node:http";
import type { Admission } from "./admission.js";

/** Why a body could not be read whole. */
export type BodyFailure = "too-large" | "over-budget" | "too-slow" | "late" | "aborted";

/** Reads the raw bytes, counting while reading: a Content-Length is a claim, not a fact. */
export class RawBody {
  /** Always settles if {@link stop} is called before the request is answered: node emits nothing more for a request whose answer is out. */
  readonly whole: Promise<Buffer | BodyFailure>;
  #settle: (body: Buffer | BodyFailure) => void = () => undefined;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isOpen = true;

  /** @param most bytes */
  constructor(request: IncomingMessage, most: number, admission: Admission) {
    this.whole = new Promise((resolve) => (this.#settle = resolve));
    request.on("data", (chunk: Buffer) => {
      if (!this.#isOpen) return;
      this.#bytes += chunk.length;
      if (this.#bytes > most) this.stop("too-large");
      else if (!admission.grow(chunk.length)) this.stop("over-budget");
      else this.#chunks.push(chunk);
    });
    request.on("end", () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      const [first] = this.#chunks;
      this.#settle(this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks, this.#bytes));
    });
    request.on("close", () => this.stop("aborted"));
    request.on("error", () => this.stop("aborted"));
  }

  /** Whether more is to come. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How many have come. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Drops what has come and takes no more; has no effect on a body that is whole. */
  stop(failure: BodyFailure): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#chunks.length = 0;
    this.#settle(failure);
  }
}
