import { DELAYED_LANES, heads, isSurplus, LANES, PRIORITY_LANES, priorityOf, values } from "../intake/index.js";
import { type Queryable, sql } from "../database/index.js";

/** Pending deliveries of one priority. */
export interface Backlog {
  readonly priority: number;
  readonly pending: number;
  /** Pending deliveries above the fair share of their repository. Part of `pending`. */
  readonly surplus: number;
  /** Deliveries that RATE_LIMITS delays and that are not due yet. Not part of `pending`. */
  readonly delayed: number;
  /** Age of the oldest pending delivery within the fair share, in seconds by the database's clock. */
  readonly oldestAge: number;
  /** Age of the oldest delivery above the fair share, in seconds. */
  readonly oldestSurplusAge: number;
}

interface LaneBacklog {
  readonly lane: number;
  readonly count: number;
  /** Seconds. */
  readonly age: number;
}

// The age of a lane is that of its oldest row, one read by the primary key. The count reads all rows of the lane.
const BACKLOG = `
  SELECT p.priority AS lane, (SELECT count(*) FROM octogauge.inbox i WHERE i.priority = p.priority)::float8 AS count,
    coalesce(greatest(0, extract(epoch FROM now() - (SELECT received_at FROM octogauge.inbox i WHERE i.priority = p.priority ORDER BY seq LIMIT 1))), 0)::float8 AS age
  FROM (VALUES ${values([...LANES, ...DELAYED_LANES])}) p(priority)`;

// Delayed rows that are due now count as pending.
const DUE = `
  SELECT priority AS lane, count(*)::float8 AS count, extract(epoch FROM now() - min(due_at))::float8 AS age
  FROM octogauge.inbox WHERE due_at <= now() GROUP BY priority`;

/** The backlog of each priority; all zeros where no delivery waits. */
export async function readBacklog(on: Queryable): Promise<Backlog[]> {
  const [lanes, due] = [await sql<LaneBacklog>(on, BACKLOG), await sql<LaneBacklog>(on, DUE)];
  return PRIORITY_LANES.map((priority) => {
    const [own, ownDue] = [lanes, due].map((all) => all.filter(({ lane }) => priorityOf(lane) === priority)) as [
      LaneBacklog[],
      LaneBacklog[],
    ];
    const waiting = own.filter(({ lane }) => LANES.includes(lane));
    return {
      priority,
      pending: sum(waiting) + sum(ownDue),
      surplus: sum([...waiting, ...ownDue].filter(({ lane }) => isSurplus(lane))),
      delayed: Math.max(0, sum(own) - sum(waiting) - sum(ownDue)),
      oldestAge: oldest([...waiting, ...ownDue].filter(({ lane }) => !isSurplus(lane))),
      oldestSurplusAge: oldest([...waiting, ...ownDue].filter(({ lane }) => isSurplus(lane))),
    };
  });
}

const sum = (lanes: readonly LaneBacklog[]): number => lanes.reduce((total, { count }) => total + count, 0);

const oldest = (lanes: readonly LaneBacklog[]): number => Math.max(0, ...lanes.map(({ age }) => age));

const OLDEST = `
  SELECT greatest(
    (SELECT extract(epoch FROM now() - min(received_at)) FROM ${heads(PRIORITY_LANES)}),
    (SELECT extract(epoch FROM now() - due_at) FROM octogauge.inbox WHERE due_at <= now() AND priority < ${DELAYED_LANES.find(isSurplus)} ORDER BY due_at LIMIT 1), 0)::float8 AS age`;

/**
 * Age of the oldest pending delivery in seconds, 0 for an empty inbox; cheap at any backlog. A delayed delivery counts from
 * when it is due. Deliveries above the fair share do not count, because they are meant to wait.
 */
export async function oldestPendingAge(on: Queryable): Promise<number> {
  const [row] = await sql<{ age: number }>(on, OLDEST);
  return Math.max(0, row?.age ?? 0);
}
