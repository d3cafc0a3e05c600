import { DELAYED_LANES, heads, isSurplus, LANES, PRIORITY_LANES, priorityOf, values } from "../intake/index.js";
import { type Queryable, sql } from "../database/index.js";

/** What waits of one priority. */
export interface Backlog {
  readonly priority: number;
  readonly pending: number;
  /** Of these, what is beyond the fair share of its repository. */
  readonly surplus: number;
  /** Beside these, what RATE_LIMITS put off and is not due. */
  readonly delayed: number;
  /** Of what is pending within the fair share of its repository. Seconds, by the database's clock. */
  readonly oldestAge: number;
  /** Of the surplus. Seconds. */
  readonly oldestSurplusAge: number;
}

interface Lane {
  readonly lane: number;
  readonly count: number;
  readonly age: number;
}

// The lanes are few and known; each is asked for its head, which the key gives at once.
const BACKLOG = `
  SELECT p.priority AS lane, (SELECT count(*) FROM octogauge.inbox i WHERE i.priority = p.priority)::float8 AS count,
    coalesce(greatest(0, extract(epoch FROM now() - (SELECT received_at FROM octogauge.inbox i WHERE i.priority = p.priority ORDER BY seq LIMIT 1))), 0)::float8 AS age
  FROM (VALUES ${values([...LANES, ...DELAYED_LANES])}) p(priority)`;

// What was put off until now waits like the rest.
const DUE = `
  SELECT priority AS lane, count(*)::float8 AS count, extract(epoch FROM now() - min(due_at))::float8 AS age
  FROM octogauge.inbox WHERE due_at <= now() GROUP BY priority`;

/** Every priority, empty ones included. */
export async function readBacklog(on: Queryable): Promise<Backlog[]> {
  const [lanes, due] = [await sql<Lane>(on, BACKLOG), await sql<Lane>(on, DUE)];
  return PRIORITY_LANES.map((priority) => {
    const [own, ownDue] = [lanes, due].map((all) => all.filter(({ lane }) => priorityOf(lane) === priority)) as [Lane[], Lane[]];
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

const sum = (lanes: readonly Lane[]): number => lanes.reduce((total, { count }) => total + count, 0);

const oldest = (lanes: readonly Lane[]): number => Math.max(0, ...lanes.map(({ age }) => age));

const OLDEST = `
  SELECT greatest(
    (SELECT extract(epoch FROM now() - min(received_at)) FROM ${heads(PRIORITY_LANES)}),
    (SELECT extract(epoch FROM now() - due_at) FROM octogauge.inbox WHERE due_at <= now() AND priority < ${DELAYED_LANES.find(isSurplus)} ORDER BY due_at LIMIT 1), 0)::float8 AS age`;

/**
 * Age of the oldest pending delivery in seconds, 0 for an empty inbox; cheap at any backlog. What is put off is late only once it
 * is due, and what is beyond its repository's fair share is meant to wait.
 */
export async function oldestPendingAge(on: Queryable): Promise<number> {
  const [row] = await sql<{ age: number }>(on, OLDEST);
  return Math.max(0, row?.age ?? 0);
}
