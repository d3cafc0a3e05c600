/** The UTC day of the tests' events, ten days before the run, so that age limits have the same effect on any day. */
export const DAY = new Date(Date.now() - 10 * 86_400_000).toISOString().slice(0, 10);

/** @param time of that day, as hh:mm:ss */
export const at = (time: string): string => `${DAY}T${time}Z`;
