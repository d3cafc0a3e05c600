import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8 from making new objects in old space. It does so where it once saw most objects of one place survive a collection,
 * such as in the first second of a busy process, whose young space is still small: from then on requests, and all that they
 * hold, outlive their answers until the next full collection. Whether a process fell into that was luck; those that did made
 * three quarters of the rate of the others (docs/performance.md). To be called before anything has been optimised.
 */
export function keepNewObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
