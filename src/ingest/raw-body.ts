import type { IncomingMessage } from "node:http";
import type { Admission } from "./admission.js";

/** Why a body is incomplete. */
export type BodyFailure = "too-large" | "over-budget" | "too-slow" | "late" | "aborted";

/** Reads the raw bytes and counts them, because Content-Length may be wrong. */
export class RawBody {
  /** Call {@link stop} before answering, or this may never settle: node emits no more events after the answer. */
  readonly whole: Promise<Buffer | BodyFailure>;
  #settle: (body: Buffer | BodyFailure) => void = () => undefined;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isOpen = true;

  constructor(request: IncomingMessage, maxBytes: number, admission: Admission) {
    this.whole = new Promise((resolve) => (this.#settle = resolve));
    request.on("data", (chunk: Buffer) => {
      if (!this.#isOpen) return;
      this.#bytes += chunk.length;
      if (this.#bytes > maxBytes) this.stop("too-large");
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

  /** True until the body is complete or stopped. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Bytes received so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Discards the bytes and ignores further ones; no effect on a complete body. */
  stop(failure: BodyFailure): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#chunks.length = 0;
    this.#settle(failure);
  }
}
