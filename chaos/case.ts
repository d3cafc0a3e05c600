import type { Stage } from "./stage.js";

/** What a case asks of the stage before it is set up. */
export interface StageNeeds {
  /** Deliveries per second over all replicas. Default 100. */
  readonly rate?: number;
  /** Bodies of GitHub's size. */
  readonly pad?: boolean;
  /** The database is reached through a proxy of ours. */
  readonly proxy?: boolean;
  /** Put the cluster on a file system of its own with so many MiB, which can be filled. */
  readonly diskMebibytes?: number;
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Environment of one replica, by its index. */
  readonly environment?: (index: number) => Readonly<Record<string, string>>;
}

/** One kind of trouble. What has to hold after it is the same for all, and is checked by the stage. */
export interface ChaosCase {
  readonly name: string;
  readonly what: string;
  /** How long the trouble lasts by default, and in the short selection, where it is a part of that. */
  readonly seconds: number;
  readonly shortSeconds?: number;
  readonly needs?: StageNeeds;
  /** Makes the trouble, under load, and returns when it is over. */
  run(stage: Stage, seconds: number): Promise<void>;
  /** Why it cannot be run here, if so. */
  impossible?(): string | undefined;
}
