import { setFlagsFromString } from "node:v8";

/**
 * Two settings of V8, for a process whose objects live as long as a request; both measured in bench/NOTES.md. To be called
 * before anything has been optimised.
 *
 * V8 makes new objects in old space where it once saw most objects of one place survive a collection, such as in the first
 * second of a busy process, whose young space is still small. From then on requests, and all that they hold, outlived their
 * answers until the next full collection; whether a process fell into that was luck.
 *
 * Bodies count towards the next full collection of the heap, which is small beside them: so it may grow to three times what
 * survived the last one. V8 itself chooses between 1.1 and 4.
 */
export function tuneHeap(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString("--heap-growing-percent=200");
}
