import type { SimulatedDelivery } from "./model.js";
import { PriorityQueue } from "./priority-queue.js";
import type { Random } from "./random.js";

interface Placed {
  readonly key: number;
  readonly sequence: number;
  readonly delivery: SimulatedDelivery;
}

/** Most places between an original and its duplicate, even without disorder. */
const copyLag = 10;

/**
 * Repeats deliveries (same GUID) at the given rate and moves each by fewer than `window` places.
 * Keeps only the window in memory.
 */
export function* disturb(
  deliveries: Iterable<SimulatedDelivery>,
  random: Random,
  options: { readonly duplicateRate: number; readonly window: number },
): Generator<SimulatedDelivery> {
  const queue = new PriorityQueue<Placed>((a, b) => (a.key === b.key ? a.sequence < b.sequence : a.key < b.key));
  let position = 0;
  let sequence = 0;
  for (const delivery of deliveries) {
    const place = (lag: number) => {
      queue.push({ key: position + random.next() * lag, sequence: sequence++, delivery });
    };
    place(options.window);
    if (random.chance(options.duplicateRate)) place(options.window + copyLag);
    position++;
    for (let next = queue.peek(); next && next.key < position; next = queue.peek()) {
      queue.pop();
      yield next.delivery;
    }
  }
  for (let next = queue.pop(); next; next = queue.pop()) yield next.delivery;
}
