/** The day of the tests' events (UTC), ten days before the run: limits of age then mean the same on any day. */
export const DAY = new Date(Date.now() - 10 * 86_400_000).toISOString().slice(0, 10);

/** @param time of that day, as hh:mm:ss */
export const at = (time: string): string => `${DAY}T${time}Z`;
