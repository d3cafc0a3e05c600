import type { Attempt } from "./post.js";

/** Every request is answered within this time: GitHub gives up at 10 s. */
export const ANSWER_SECONDS = 9;

/** What became of the deliveries, and what no attempt should have come to. */
export class TrafficRecord {
  /** Attempts that were answered 503. */
  refused = 0;
  /** Attempts that nobody answered, the replica being dead, starting or stopping. */
  unanswered = 0;
  /** Attempts beyond the first. */
  redelivered = 0;
  /** Seconds of the slowest answer, and of the slowest 202. */
  longest = 0;
  longestAccepted = 0;
  readonly faults: string[] = [];
  readonly #taken = new Set<string>();
  readonly #accepted = new Set<string>();
  /** Those that were answered as new. */
  readonly #new = new Set<string>();
  readonly #lastOk = new Map<number, number>();

  took(id: string): void {
    this.#taken.add(id);
  }

  /** It got a 2xx. */
  accept(id: string): void {
    this.#accepted.add(id);
  }

  /** Distinct deliveries that were sent. */
  get deliveries(): number {
    return this.#taken.size;
  }

  /** Distinct deliveries that got a 2xx. */
  get accepted(): number {
    return this.#accepted.size;
  }

  acceptedIds(): ReadonlySet<string> {
    return this.#accepted;
  }

  /** When the newest request began that this replica answered with a 2xx. */
  lastOk(replica: number): number {
    return this.#lastOk.get(replica) ?? -1;
  }

  /**
   * Takes note of one attempt. Returns whether it got a 2xx.
   * @param lived whether the replica was up from before the request to after it
   */
  note(id: string, replica: number, attempt: Attempt, lived: boolean): boolean {
    const { status, seconds, error } = attempt;
    if (status === undefined) {
      this.unanswered += 1;
      if (lived) this.#fault(`a replica that was up gave no answer (${error})`);
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
    if (isNew && this.#new.has(id)) this.#fault("one id was accepted twice as new");
    if (isNew) this.#new.add(id);
    this.accept(id);
    this.#lastOk.set(replica, Math.max(this.lastOk(replica), began));
    return true;
  }

  #fault(text: string): void {
    if (this.faults.length < 50) this.faults.push(text);
  }
}
