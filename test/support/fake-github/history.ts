import type { SimulatedDelivery } from "../../../src/simulator/model.js";
import type { FakeGitHub } from "./fake-github.js";
import type { HookSpec } from "./hook.js";
import type { Fate } from "./hooks.js";

export interface ReplayOptions {
  readonly hooks: readonly HookSpec[];
  /** Called at the first delivery of a GUID; its copies have the same fate. Default: all are delivered. */
  readonly fateOf?: (delivery: SimulatedDelivery, index: number) => Fate;
  /** The log's delivery time. Default a minute ago. */
  readonly deliveredAt?: (delivery: SimulatedDelivery, index: number) => Date;
  /** The number of concurrent deliveries. Default 8. */
  readonly concurrency?: number;
}

export interface ReplayResult {
  /** Deliveries, copies included. */
  readonly total: number;
  /** GUIDs that were never posted. */
  readonly lost: number;
  readonly lostIds: ReadonlySet<string>;
}

/** Replays a simulated history at the fake, in order except for concurrent deliveries. */
export async function replayHistory(
  github: FakeGitHub,
  deliveries: Iterable<SimulatedDelivery>,
  { hooks, fateOf = () => "deliver", deliveredAt, concurrency = 8 }: ReplayOptions,
): Promise<ReplayResult> {
  const fates = new Map<string, Fate>();
  const lostIds = new Set<string>();
  let total = 0;
  const source = deliveries[Symbol.iterator]();
  const work = async () => {
    for (let next = source.next(); !next.done; next = source.next()) {
      const delivery = next.value;
      const index = total++;
      const fate = fates.get(delivery.deliveryId) ?? fateOf(delivery, index);
      fates.set(delivery.deliveryId, fate);
      if (fate !== "deliver") lostIds.add(delivery.deliveryId);
      const at = deliveredAt?.(delivery, index);
      await github.happen(delivery, { hooks, fate, ...(at ? { deliveredAt: at } : {}) });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return { total, lost: lostIds.size, lostIds };
}
