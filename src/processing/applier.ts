import { setImmediate as nextTurn } from "node:timers/promises";
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

/** Deliveries of a batch whose projections say nothing usable: each is to be taken again, with its payload. */
export class Unreadable extends Error {
  constructor(readonly deliveries: readonly Claimed[]) {
    super(`${deliveries.length} deliveries could not be read`);
  }
}

/** Deliveries that say nothing usable, and why. */
type Unusable = ReadonlyMap<Claimed, UnexpectedPayload>;

/** How long deliveries are read in one turn of the event loop: a hundred projections, or a body or two. Milliseconds. */
const TURN_MS = 1;

/** Changes state and counters by claimed deliveries, in the transaction that claimed them. Lock order: jobs, runs, traces. */
@Injectable()
export class Applier {
  readonly #logger = new Logger("processing");
  /** How it tells of each delivery, if it does. */
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
   * @returns call it once the transaction has committed
   * @throws {Unreadable} where a delivery has to be buried and came without its payload
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
    return () => this.#tell(claimed, unusable);
  }

  /**
   * Reads all of them into the batch, before any statement, a few in a turn of the event loop: it may be the turn of a batch that holds
   * locks, and each millisecond that it waits for is one for all that wait for those.
   * @returns those that say nothing usable, which are to be buried with their payload
   */
  async #foldAll(batch: Batch, claimed: readonly Claimed[], completions: Completions | undefined): Promise<Unusable> {
    const unusable = new Map<Claimed, UnexpectedPayload>();
    let turn = performance.now();
    for (const delivery of claimed) {
      if (performance.now() - turn > TURN_MS) {
        await nextTurn();
        turn = performance.now();
      }
      const read = readDelivery(delivery, completions);
      if (read instanceof UnexpectedPayload) unusable.set(delivery, read);
      else batch.add(read, delivery);
    }
    // Where it is known where its payload is, that goes along to the dead letters.
    const withoutPayload = [...unusable.keys()].filter(({ payload, pack }) => payload === null && pack === null);
    if (withoutPayload.length > 0) throw new Unreadable(withoutPayload);
    return unusable;
  }

  #tell(claimed: readonly Claimed[], unusable: Unusable): void {
    for (const [delivery, error] of unusable)
      this.#logger.warn(logEntry("a delivery is a dead letter", { ...claimedFields(delivery), source: "projection", error }));
    if (this.#level === undefined) return;
    const now = Date.now();
    for (const delivery of claimed) {
      if (unusable.has(delivery)) continue;
      this.#logger[this.#level](
        // Another clock wrote down when it came.
        logEntry("a delivery was applied", { ...claimedFields(delivery), age_seconds: Math.max(0, now - delivery.receivedAt) / 1_000 }),
      );
    }
  }
}

/** What it says, or why that is nothing usable. */
function readDelivery(delivery: Claimed, completions: Completions | undefined): GitHubEvent | UnexpectedPayload {
  try {
    return readBody(delivery, completions);
  } catch (error) {
    if (!(error instanceof UnexpectedPayload)) throw error;
    return error;
  }
}

/**
 * From the body where it came along: it is asked for where the projection says nothing usable, or where its steps are wanted.
 * @throws {UnexpectedPayload}
 */
function readBody({ event, form, projection, payload, pack }: Claimed, completions: Completions | undefined): GitHubEvent {
  if (payload === null) {
    if (projection === null) throw new UnexpectedPayload(`the body cannot be read: pack ${pack ?? "?"} is broken or gone`);
    return readProjection(event, projection);
  }
  try {
    const body = parseBody(form, payload);
    const read = readEvent(event, body);
    completions?.note(read, body);
    return read;
  } catch (error) {
    // Nobody would have looked at the body, if it were not for its trace.
    if (completions && projection !== null) return readProjection(event, projection);
    throw error;
  }
}

/** Of what became known, whose completion did. */
const completed = <Key>(learned: ReadonlyMap<Key, Learned>): Key[] =>
  [...learned].filter(([, { freshFacts }]) => has(freshFacts, FACT.completed)).map(([key]) => key);
