import { LANE_COUNT, type Priorities } from "../config/index.js";

const range = (from: number): readonly number[] => Array.from({ length: LANE_COUNT }, (_, index) => from + index);

/** The lanes of `PRIORITIES`; lane 0 is processed first. */
export const PRIORITY_LANES = range(0);
/** Overflow of the fair share, with the same priorities; processed after all priority lanes. */
const OVERFLOW_LANES = range(LANE_COUNT);
/** The lanes of the inbox in the order of processing. */
export const LANES: readonly number[] = [...PRIORITY_LANES, ...OVERFLOW_LANES];
/** One per lane of {@link LANES}: deliveries that `RATE_LIMITS` delays until they are due. */
export const DELAYED_LANES: readonly number[] = [...range(LANES.length), ...range(LANES.length + LANE_COUNT)];

/** True for the overflow lanes of the fair share. */
export const isSurplus = (lane: number): boolean => lane % LANES.length >= LANE_COUNT;

/** The priority lane of a delivery. @param projection contains the action, if the event has one */
export function laneOf({ lanes, other, byAction }: Priorities, event: string, projection: Buffer | null): number {
  const action = byAction && projection ? ACTION.exec(projection.toString("latin1"))?.[1] : undefined;
  return (action === undefined ? undefined : lanes.get(`${event}.${action}`)) ?? lanes.get(event) ?? other;
}

/** `action` is the first member of a projection. */
const ACTION = /^\{"action":"([a-z0-9_]+)"/;

/** @param lane one of PRIORITY_LANES */
export const overflowLaneOf = (lane: number): number => lane + LANE_COUNT;

/** The priority of any lane, as an index of {@link PRIORITY_LANES}. */
export const priorityOf = (lane: number): number => lane % LANE_COUNT;
