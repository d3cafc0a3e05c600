import { LANE_COUNT, type Priorities } from "../config/index.js";

const range = (from: number): readonly number[] => Array.from({ length: LANE_COUNT }, (_, index) => from + index);

/** As `PRIORITIES` names them, 0 first. */
export const PRIORITY_LANES = range(0);
/** Behind all of these: what a repository has beyond its fair share, by the same priorities. */
const SURPLUS_LANES = range(LANE_COUNT);
/** The lanes of the inbox in the order in which they are emptied. */
export const LANES: readonly number[] = [...PRIORITY_LANES, ...SURPLUS_LANES];
/** Off the road, one beside each of LANES: what `RATE_LIMITS` put off, until it is due. */
export const DELAYED_LANES: readonly number[] = [...range(LANES.length), ...range(LANES.length + LANE_COUNT)];

/** Whether what waits there is beyond the fair share of its repository. */
export const isSurplus = (lane: number): boolean => lane % LANES.length >= LANE_COUNT;

/** The lane of a delivery, as long as its repository has its fair share. @param projection where its action stands, if it has one */
export function laneOf({ lanes, other, byAction }: Priorities, event: string, projection: Buffer | null): number {
  const action = byAction && projection ? ACTION.exec(projection.toString("latin1"))?.[1] : undefined;
  return (action === undefined ? undefined : lanes.get(`${event}.${action}`)) ?? lanes.get(event) ?? other;
}

/** The first member of a projection that has one. */
const ACTION = /^\{"action":"([a-z0-9_]+)"/;

/** @param lane one of PRIORITY_LANES */
export const surplusLaneOf = (lane: number): number => lane + LANE_COUNT;

/** Of any lane. */
export const priorityOf = (lane: number): number => lane % LANE_COUNT;
