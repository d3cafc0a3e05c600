import { type Replica } from "./replica.js";
import { sleep } from "./waiting.js";

const EVERY_MS = 150;
/** Timeout of a probe. */
const PROBE_MS = 5_000;

interface Sample {
  readonly replica: number;
  readonly began: number;
  readonly ready: boolean;
}

/** Probes each replica like a kubelet: liveness must be green while the replica is up; readiness is recorded. */
export class Watch {
  readonly faults: string[] = [];
  readonly #samples: Sample[] = [];
  readonly #loops: Promise<void>[];
  #ended = false;

  constructor(replicas: readonly Replica[]) {
    this.#loops = replicas.flatMap((replica) => [this.#every(() => this.#live(replica)), this.#every(() => this.#ready(replica))]);
  }

  /** True if the latest probe began after that time and found the replica ready. */
  readySince(replica: number, since: number): boolean {
    const last = this.#samples.findLast((sample) => sample.replica === replica);
    return last !== undefined && last.ready && last.began >= since;
  }

  /** True if a probe that began in that period found the replica unready. */
  wasRed(replica: number, from: number, to: number): boolean {
    return this.#samples.some((sample) => sample.replica === replica && !sample.ready && sample.began >= from && sample.began <= to);
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#loops);
  }

  async #every(probe: () => Promise<void>): Promise<void> {
    while (!this.#ended) {
      await probe();
      await sleep(EVERY_MS);
    }
  }

  async #live(replica: Replica): Promise<void> {
    const { state, incarnation } = replica;
    const answer = await ask(new URL("health/live", replica.management));
    const wasUp = state === "up" && replica.state === "up" && replica.incarnation === incarnation;
    if (wasUp && answer !== 200) this.faults.push(`${replica.name}: liveness was ${answer}`);
  }

  async #ready(replica: Replica): Promise<void> {
    const began = performance.now();
    const ready = (await ask(new URL("health/ready", replica.management))) === 200;
    this.#samples.push({ replica: replica.index, began, ready });
  }
}

async function ask(url: URL): Promise<number | string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) });
    await response.arrayBuffer();
    return response.status;
  } catch (error) {
    return error instanceof Error ? `without an answer (${error.name})` : "without an answer";
  }
}
