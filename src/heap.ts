import { setFlagsFromString } from "node:v8";

/**
 * Sets two options of V8 for objects that live as long as a request; measured in bench/NOTES.md. Call it before V8
 * optimises any code.
 *
 * no-allocation-site-pretenuring: otherwise V8 may decide, in the first second of a busy process, to allocate requests in
 * old space. They then stay in memory until the next full collection.
 *
 * heap-growing-percent: request bodies are large beside the heap and trigger full collections. So the heap may grow to
 * three times the size after the last collection; V8 itself chooses a factor between 1.1 and 4.
 */
export function tuneHeap(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString("--heap-growing-percent=200");
}
