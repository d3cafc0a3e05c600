import { Agent } from "node:http";
import type { Expectation } from "../src/simulator/expected.js";
import type { SimulatedDelivery } from "../src/simulator/model.js";
import type { Random } from "../src/simulator/random.js";
import { type Attempt, type Postable, postOnce } from "./post.js";
import type { Replica } from "./replica.js";
import { TrafficRecord } from "./traffic-record.js";
import { sleep, until } from "./waiting.js";

const TICK_MS = 10;
/** More than the open requests if every request hangs for 9 s. */
const MOST_UNDER_WAY = 1_500;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 2_000;

interface Waiting {
  readonly delivery: Postable;
  readonly due: number;
  readonly pause: number;
}

/** Sends deliveries at a steady rate to all replicas. A delivery without 2xx is sent again later with the same id. */
export class Traffic {
  readonly record = new TrafficRecord();
  readonly #agents: Agent[];
  readonly #source: Iterator<SimulatedDelivery>;
  #again: Waiting[] = [];
  #underWay = 0;
  #turn = 0;
  #taking = true;
  #ended = false;
  #loop: Promise<void> | undefined;

  constructor(
    private readonly replicas: readonly Replica[],
    private readonly expectation: Expectation,
    private readonly random: Random,
    history: Iterable<SimulatedDelivery>,
    private readonly rate: number,
  ) {
    this.#source = history[Symbol.iterator]();
    this.#agents = replicas.map(() => new Agent({ keepAlive: true }));
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Stops new deliveries, and repeats the others until all are accepted or the time is over. */
  async finish(seconds: number): Promise<void> {
    this.#taking = false;
    await until("all accepted", seconds, () => this.#underWay === 0 && this.#again.length === 0).catch(() => undefined);
    this.#ended = true;
    await this.#loop;
    for (const agent of this.#agents) agent.destroy();
  }

  async #run(): Promise<void> {
    const began = performance.now();
    let issued = 0;
    while (!this.#ended) {
      const now = performance.now();
      // After a stall, catch up with at most one second of the rate.
      const due = Math.floor(((now - began) / 1_000) * this.rate);
      issued = Math.max(issued, due - this.rate);
      for (; this.#taking && issued < due && this.#underWay < MOST_UNDER_WAY; issued += 1) this.#takeNext();
      this.#sendAgain(now);
      await sleep(TICK_MS);
    }
  }

  #takeNext(): void {
    const next = this.#source.next();
    if (next.done) return;
    this.expectation.add(next.value);
    this.record.took(next.value.deliveryId);
    this.#send(next.value, FIRST_PAUSE_MS);
  }

  #sendAgain(now: number): void {
    const due = this.#again.filter((waiting) => waiting.due <= now).slice(0, MOST_UNDER_WAY - this.#underWay);
    if (due.length === 0) return;
    const chosen = new Set(due);
    this.#again = this.#again.filter((waiting) => !chosen.has(waiting));
    for (const { delivery, pause } of due) {
      this.record.redelivered += 1;
      this.#send(delivery, pause);
    }
  }

  #send(delivery: Postable, pause: number): void {
    const index = this.#turn++ % this.replicas.length;
    const replica = this.replicas[index];
    const agent = this.#agents[index];
    if (!replica || !agent) return;
    const { state, incarnation } = replica;
    this.#underWay += 1;
    void postOnce(replica.webhook, delivery, agent).then((attempt: Attempt) => {
      this.#underWay -= 1;
      const wasUp = state === "up" && replica.state === "up" && replica.incarnation === incarnation;
      if (this.record.note(delivery.deliveryId, replica.index, attempt, wasUp)) return;
      const due = performance.now() + pause * (0.5 + this.random.next());
      this.#again.push({ delivery, due, pause: Math.min(pause * 2, LONGEST_PAUSE_MS) });
    });
  }
}
