import type { Stage } from "./stage.js";

/** Options of the stage that a case needs. */
export interface StageNeeds {
  /** Deliveries per second over all replicas; default 100. */
  readonly rate?: number;
  /** True for bodies of GitHub's size. */
  readonly pad?: boolean;
  /** True to put a proxy between the replicas and the database. */
  readonly proxy?: boolean;
  /** Puts the data directory on a separate file system of this size, which the case can fill. */
  readonly diskMebibytes?: number;
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Environment of one replica, by its index. */
  readonly environment?: (index: number) => Readonly<Record<string, string>>;
}

/** One kind of fault. After each case, the stage checks the same conditions. */
export interface ChaosCase {
  readonly name: string;
  readonly what: string;
  /** Duration of the fault by default, and in the short selection (undefined: not part of it). */
  readonly seconds: number;
  readonly shortSeconds?: number;
  readonly needs?: StageNeeds;
  /** Causes the fault under load; resolves when it is over. */
  run(stage: Stage, seconds: number): Promise<void>;
  /** The reason if the case cannot run on this machine. */
  impossible?(): string | undefined;
}
