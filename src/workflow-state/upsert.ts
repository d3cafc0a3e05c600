import { STATE } from "./facts.js";

/** The columns that a greater observation replaces. */
const REPLACED = ["owner", "repo", "workflow", "status", "state", "rank", "updated_at", "event_time", "since"];

/** Truth rule 3 in SQL, the same order as isGreater() in observation.ts; `t` is the row, `excluded` the observation. */
const IS_GREATER = `(excluded.state = ${STATE.completed}, excluded.updated_at, excluded.rank, excluded.event_time, excluded.status COLLATE "C")
    > (t.state = ${STATE.completed}, t.updated_at, t.rank, t.event_time, t.status COLLATE "C")`;

/**
 * The guarded upsert of runs and jobs. One statement decides, under the row lock, which facts are new (`fresh_facts`)
 * and whether the row moves forward; rows that learn nothing are neither written nor returned.
 * @param parameters the unnest() arguments in the order of `columns`
 */
export function guardedUpsert(table: string, key: readonly string[], columns: readonly string[], parameters: string): string {
  const replaced = [...REPLACED, ...columns.filter((column) => column === "runs_on")];
  return `
  INSERT INTO octogauge.${table} AS t (${columns.join(", ")}, fresh_facts)
  SELECT ${columns.map((column) => `u.${column}`).join(", ")}, u.facts
  FROM unnest(${parameters}) AS u(${columns.join(", ")})
  ORDER BY ${key.map((column) => `u.${column}`).join(", ")}
  ON CONFLICT (${key.join(", ")}) DO UPDATE SET
    facts = t.facts | excluded.facts,
    fresh_facts = excluded.facts & ~t.facts,
    changed_at = now(),
    ${replaced.map((column) => `${column} = CASE WHEN ${IS_GREATER} THEN excluded.${column} ELSE t.${column} END`).join(",\n    ")}
  WHERE (excluded.facts & ~t.facts) <> 0 OR ${IS_GREATER}
  RETURNING ${key.map((column) => `t.${column}::text`).join(", ")}, t.fresh_facts AS "freshFacts"`;
}
