import { Expectation } from "../src/simulator/expected.js";
import { generateHistory } from "../src/simulator/history.js";
import { createRandom, hash32, type Random } from "../src/simulator/random.js";
import type { StageNeeds } from "./case.js";
import { makeDirectory } from "./directory.js";
import { ChaosPostgres, SERVICE } from "./postgres.js";
import { Proxy } from "./proxy.js";
import { recovered, type Recovery, RECOVERY_SECONDS } from "./recovery.js";
import { Replica } from "./replica.js";
import { Traffic } from "./traffic.js";
import { sleep } from "./waiting.js";
import { Watch } from "./watch.js";

const REPLICAS = 3;
const RATE = 100;
const WARM_UP_MS = 1_000;
/** Readiness must detect an outage of this duration. */
const NOTICED_SECONDS = 6;
const TWO_HOURS_MS = 7_200_000;

/** A fleet under load on a separate database, with the means to cause faults. */
export class Stage {
  readonly faults: string[] = [];
  readonly recoveries: Recovery[] = [];
  /** Measurements of the case, for the last column of the table. */
  readonly notes: string[] = [];

  #shared = false;

  private constructor(
    readonly postgres: ChaosPostgres,
    readonly replicas: readonly Replica[],
    readonly expectation: Expectation,
    readonly traffic: Traffic,
    readonly watch: Watch,
    readonly random: Random,
    readonly proxy: Proxy | undefined,
    /** Path of the separate file system of the cluster, if there is one. */
    readonly disk: string | undefined,
    private readonly remove: () => void,
  ) {}

  static async setUp(seed: string, needs: StageNeeds = {}): Promise<Stage> {
    const directory = makeDirectory(needs.diskMebibytes);
    const postgres = await ChaosPostgres.create(directory.path, needs.postgresSettings);
    const proxy = needs.proxy ? await Proxy.start(postgres.port) : undefined;
    const url = postgres.urlOf(SERVICE, proxy?.port);
    const replicas: Replica[] = [];
    for (let index = 0; index < REPLICAS; index += 1) replicas.push(await Replica.create(index, url, needs.environment?.(index)));
    await Promise.all(replicas.map((replica) => replica.start()));
    const history = generateHistory({
      seed: hash32(seed),
      deliveries: 1_000_000,
      pad: needs.pad ?? false,
      startTime: new Date(Math.floor((Date.now() - TWO_HOURS_MS) / 1_000) * 1_000),
    });
    const random = createRandom(seed);
    const expectation = new Expectation();
    const traffic = new Traffic(replicas, expectation, random, history, needs.rate ?? RATE);
    const watch = new Watch(replicas);
    const disk = needs.diskMebibytes === undefined ? undefined : directory.path;
    traffic.start();
    await sleep(WARM_UP_MS);
    return new Stage(postgres, replicas, expectation, traffic, watch, random, proxy, disk, directory.remove);
  }

  /** Call before a case sends deliveries of its own: series without owner and dead letters may then come from the case. */
  othersDeliver(): void {
    this.#shared = true;
  }

  get isShared(): boolean {
    return this.#shared;
  }

  /**
   * Makes the database unavailable, and measures the time from its return until everything works.
   * @param back resolves when the database is available
   */
  async outage(seconds: number, away: () => Promise<void> | void, back: () => Promise<void> | void): Promise<void> {
    const from = performance.now();
    await away();
    await sleep(seconds * 1_000);
    const to = performance.now();
    await back();
    const recovery = await recovered(this);
    this.recoveries.push(recovery);
    if (!recovery.complete) this.faults.push(`not recovered ${recovery.seconds.toFixed(1)} s after the return: ${recovery.last}`);
    else if (recovery.seconds > RECOVERY_SECONDS) {
      this.faults.push(`recovered after ${recovery.seconds.toFixed(1)} s, last: ${recovery.last}; allowed: ${RECOVERY_SECONDS} s`);
    }
    if (seconds < NOTICED_SECONDS) return;
    for (const { index, name } of this.replicas) {
      if (!this.watch.wasRed(index, from, to)) this.faults.push(`${name}: readiness stayed green during the outage`);
    }
  }

  async tearDown(): Promise<void> {
    await this.watch.stop();
    await Promise.all(this.replicas.map((replica) => replica.end("SIGKILL")));
    await this.proxy?.stop();
    await this.postgres.stop("immediate");
    this.remove();
  }
}
