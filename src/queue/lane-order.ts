import { LANES } from "../intake/lanes.js";

/** One in so many batches begins with the lanes behind the first. */
const ONE_IN = 10;

/** In which order a claim looks at the lanes: the first before the others, but these have a share of their own. */
export class LaneOrder {
  #claims = 0;

  next(): readonly number[] {
    this.#claims += 1;
    if (this.#claims % ONE_IN !== 0) return LANES;
    const [first, ...others] = LANES;
    // Each of them has its turn to be the first.
    const turn = (this.#claims / ONE_IN - 1) % others.length;
    return [...others.slice(turn), ...others.slice(0, turn), first ?? 0];
  }
}
