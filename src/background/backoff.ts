/** `first`, doubled after each further failure, up to `most`; in the unit of the arguments. */
export const doubled = (failures: number, first: number, most: number): number =>
  Math.min(most, first * 2 ** Math.min(Math.max(0, failures - 1), 30));

/**
 * How long to wait after this number of failures in a row. Full jitter keeps work that failed together from coming back together
 * ("Exponential Backoff And Jitter", AWS Architecture Blog).
 */
export const backoff = (failures: number, first: number, most: number): number => Math.random() * doubled(failures, first, most);
