import { DELAYED_LANES, LANES } from "./lanes.js";

/** Lanes as rows of a VALUES list. */
export const values = (lanes: readonly number[]): string => lanes.map((lane) => `(${lane}::smallint)`).join(", ");

/** FROM items that give the oldest row of each of these lanes, by index. */
export const heads = (lanes: readonly number[]): string => `(VALUES ${values(lanes)}) p(priority),
    LATERAL (SELECT received_at FROM octogauge.inbox i WHERE i.priority = p.priority ORDER BY seq LIMIT 1) head`;

/** Those of all lanes, the delayed ones included. */
export const HEADS = heads([...LANES, ...DELAYED_LANES]);
