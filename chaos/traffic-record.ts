import type { Attempt } from "./post.js";

/** Bound for every answer, below GitHub's timeout of 10 s. */
export const ANSWER_SECONDS = 9;

/** Results of the deliveries, and violations of the contract. */
export class TrafficRecord {
  /** Number of 503 answers. */
  refused = 0;
  /** Attempts without answer, at a replica that was down, starting or stopping. */
  unanswered = 0;
  /** Number of attempts after the first. */
  redelivered = 0;
  /** Seconds of the slowest answer, and of the slowest 202. */
  longest = 0;
  longestAccepted = 0;
  readonly faults: string[] = [];
  readonly #taken = new Set<string>();
  readonly #accepted = new Set<string>();
  /** Ids of deliveries that were answered as new. */
  readonly #new = new Set<string>();
  readonly #lastOk = new Map<number, number>();

  took(id: string): void {
    this.#taken.add(id);
  }

  /** Records that a delivery got a 2xx. */
  accept(id: string): void {
    this.#accepted.add(id);
  }

  /** Number of distinct deliveries sent. */
  get deliveries(): number {
    return this.#taken.size;
  }

  /** Number of distinct deliveries with a 2xx. */
  get accepted(): number {
    return this.#accepted.size;
  }

  acceptedIds(): ReadonlySet<string> {
    return this.#accepted;
  }

  /** Start time of the latest request that this replica answered with a 2xx. */
  lastOk(replica: number): number {
    return this.#lastOk.get(replica) ?? -1;
  }

  /**
   * Records one attempt.
   * @param wasUp true if the replica was up during the whole request
   * @returns true if the attempt got a 2xx
   */
  note(id: string, replica: number, attempt: Attempt, wasUp: boolean): boolean {
    const { status, seconds, error } = attempt;
    if (status === undefined) {
      this.unanswered += 1;
      if (wasUp) this.#fault(`a running replica did not answer (${error})`);
      if (seconds > ANSWER_SECONDS) this.#fault(`no answer within ${ANSWER_SECONDS} s`);
      return false;
    }
    this.longest = Math.max(this.longest, seconds);
    if (seconds > ANSWER_SECONDS) this.#fault(`an answer took longer than ${ANSWER_SECONDS} s`);
    if (status === 202) return this.#noteAccepted(id, replica, attempt);
    this.refused += 1;
    if (status !== 503) this.#fault(`answered ${status}: ${attempt.text}`);
    else if (!attempt.retryAfter) this.#fault("503 without Retry-After");
    return false;
  }

  #noteAccepted(id: string, replica: number, { seconds, began, text }: Attempt): true {
    this.longestAccepted = Math.max(this.longestAccepted, seconds);
    const isNew = text.includes('"accepted"');
    if (isNew && this.#new.has(id)) this.#fault("the same id was accepted as new twice");
    if (isNew) this.#new.add(id);
    this.accept(id);
    this.#lastOk.set(replica, Math.max(this.lastOk(replica), began));
    return true;
  }

  #fault(text: string): void {
    if (this.faults.length < 50) this.faults.push(text);
  }
}
