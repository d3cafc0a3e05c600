/** `missed_deliveries.state`. */
export const MISSED = {
  open: 0,
  /** it has come */
  recovered: 1,
  /** GitHub no longer redelivers it */
  givenUp: 2,
} as const;
