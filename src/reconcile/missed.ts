/** `missed_deliveries.state`. */
export const MISSED = {
  open: 0,
  /** the delivery arrived */
  recovered: 1,
  /** too old for GitHub to redeliver */
  givenUp: 2,
} as const;
