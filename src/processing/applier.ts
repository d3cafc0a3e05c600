import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG } from "../config/index.js";
import { Counters, LabelPolicy } from "../counters/index.js";
import type { Queryable } from "../database/index.js";
import { type Claimed, claimedFields } from "../queue/index.js";
import { addDeadLetter } from "../dead-letters/dead-letters.sql.js";
import { type GitHubEvent, parseBody, readEvent, readProjection, UnexpectedPayload } from "../events/index.js";
import { deliveryLevel, type LogConfig, logEntry } from "../logging/index.js";
import type { Completions } from "../ci-traces/completions.js";
import { FACT, has, type Learned } from "../workflow-state/index.js";
import { Batch } from "./batch.js";
import { COMPLETIONS, type NewCompletions } from "./completions.provider.js";
import { countEvents } from "./count-facts.js";
import { writeJobs, writeRuns } from "./write-facts.js";

/** Deliveries of a batch with an unusable projection. Each is processed again, alone and with its payload. */
export class Unreadable extends Error {
  constructor(readonly deliveries: readonly Claimed[]) {
    super(`${deliveries.length} deliveries could not be read`);
  }
}

/** Deliveries without usable content, with the reason. */
type Unusable = ReadonlyMap<Claimed, UnexpectedPayload>;

/** Reading yields to the event loop after this time, which is about a hundred projections or one or two bodies. */
const YIELD_AFTER_MS = 1;

/** Applies claimed deliveries to state and counters, in the transaction that claimed them. Lock order: jobs, runs, traces. */
@Injectable()
export class Applier {
  readonly #logger = new Logger("processing");
  /** Level of the log line for each delivery; undefined for none. */
  readonly #level: "log" | "debug" | undefined;

  constructor(
    private readonly counters: Counters,
    private readonly policy: LabelPolicy,
    @Inject(CONFIG) config: LogConfig,
    @Inject(COMPLETIONS) private readonly newCompletions: NewCompletions = undefined,
  ) {
    this.#level = deliveryLevel(config, "processing");
  }

  /**
   * @returns a function to call after the commit
   * @throws {Unreadable} where a delivery must be dead-lettered and was claimed without its payload
   */
  async apply(transaction: Queryable, claimed: readonly Claimed[]): Promise<() => void> {
    const batch = new Batch(this.counters.newDelta(), this.policy);
    const completions = this.newCompletions?.();
    const unusable = await this.#foldAll(batch, claimed, completions);
    for (const [delivery, { name, message }] of unusable) {
      await addDeadLetter(transaction, delivery, { source: "projection", errorClass: name, message });
    }
    countEvents(batch.delta, batch.events);
    const jobs = await writeJobs(transaction, batch.delta, batch.jobs);
    const runs = await writeRuns(transaction, batch.delta, batch.runs);
    await this.counters.write(transaction, batch.delta);
    await completions?.write(transaction, completed(jobs), completed(runs));
    return () => this.#log(claimed, unusable);
  }

  /**
   * Folds all deliveries into the batch, before any statement. It yields to the event loop, because another batch may hold
   * locks and wait for its answer.
   * @returns the unusable deliveries, to be dead-lettered with their payload
   */
  async #foldAll(batch: Batch, claimed: readonly Claimed[], completions: Completions | undefined): Promise<Unusable> {
    const unusable = new Map<Claimed, UnexpectedPayload>();
    let yieldedAtMs = performance.now();
    for (const delivery of claimed) {
      if (performance.now() - yieldedAtMs > YIELD_AFTER_MS) {
        await yieldToEventLoop();
        yieldedAtMs = performance.now();
      }
      const read = readDelivery(delivery, completions);
      if (read instanceof UnexpectedPayload) unusable.set(delivery, read);
      else batch.add(read, delivery);
    }
    // A dead letter needs its payload: the body itself, or its pack.
    const withoutPayload = [...unusable.keys()].filter(({ payload, pack }) => payload === null && pack === null);
    if (withoutPayload.length > 0) throw new Unreadable(withoutPayload);
    return unusable;
  }

  #log(claimed: readonly Claimed[], unusable: Unusable): void {
    for (const [delivery, error] of unusable)
      this.#logger.warn(logEntry("a delivery is a dead letter", { ...claimedFields(delivery), source: "projection", error }));
    if (this.#level === undefined) return;
    const now = Date.now();
    for (const delivery of claimed) {
      if (unusable.has(delivery)) continue;
      this.#logger[this.#level](
        // Another machine's clock set receivedAt, so the age may be negative.
        logEntry("a delivery was applied", { ...claimedFields(delivery), age_seconds: Math.max(0, now - delivery.receivedAt) / 1_000 }),
      );
    }
  }
}

/** Reads a delivery. Returns the error where its content is unusable. */
function readDelivery(delivery: Claimed, completions: Completions | undefined): GitHubEvent | UnexpectedPayload {
  try {
    return readBody(delivery, completions);
  } catch (error) {
    if (!(error instanceof UnexpectedPayload)) throw error;
    return error;
  }
}

/**
 * Reads the body where the claim includes it: where the projection is unusable, or where traces need the steps of a job.
 * @throws {UnexpectedPayload}
 */
function readBody({ event, form, projection, payload, pack }: Claimed, completions: Completions | undefined): GitHubEvent {
  if (payload === null) {
    if (projection === null) throw new UnexpectedPayload(`the body cannot be read: pack ${pack ?? "?"} is corrupt or missing`);
    return readProjection(event, projection);
  }
  try {
    const body = parseBody(form, payload);
    const read = readEvent(event, body);
    completions?.note(read, body);
    return read;
  } catch (error) {
    // Only the trace needs the body here. The projection is enough for state and counters.
    if (completions && projection !== null) return readProjection(event, projection);
    throw error;
  }
}

/** Keys of the runs or jobs whose completion became known. */
const completed = <Key>(learned: ReadonlyMap<Key, Learned>): Key[] =>
  [...learned].filter(([, { freshFacts }]) => has(freshFacts, FACT.completed)).map(([key]) => key);
