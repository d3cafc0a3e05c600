import { FACT, STATE } from "./facts.js";

/** The columns that a greater observation replaces, except labels. */
const REPLACED = ["status", "state", "rank", "updated_at", "since"];

/** Truth rule 3 in SQL, the same order as isGreater() in observation.ts; `t` is the row, `excluded` the observation. */
const IS_GREATER = `(excluded.state = ${STATE.completed}, excluded.updated_at, excluded.rank, excluded.event_time, excluded.status COLLATE "C")
    > (t.state = ${STATE.completed}, t.updated_at, t.rank, t.event_time, t.status COLLATE "C")`;

/** Labels are those of the greatest event; a lookup's labels are used only if no event gave labels (truth rule 13). */
const HAS_LABELS = `CASE WHEN (excluded.facts & ${FACT.labelled}) = (t.facts & ${FACT.labelled}) THEN ${IS_GREATER}
      ELSE excluded.facts & ${FACT.labelled} <> 0 END`;

/** A lookup without a new status must not change the event time. */
const TELLS_TIME = `${IS_GREATER} AND (excluded.facts & ${FACT.labelled} <> 0 OR excluded.status <> t.status)`;

/** Result of an upsert for a changed row. */
export interface Learned {
  /** All facts of the row, as bits. */
  readonly facts: number;
  /** Facts that this write added. */
  readonly freshFacts: number;
}

/**
 * The guarded upsert of runs and jobs. Under the row lock it finds the new facts (`fresh_facts`) and moves the row
 * only forward. Rows without a change are neither written nor returned.
 * @param labels the columns that are labels
 * @param joined SQL for columns that are neither replaced nor labels
 * @param parameters the unnest() arguments in the order of `columns`
 */
export function guardedUpsert(
  table: string,
  key: readonly string[],
  columns: readonly string[],
  labels: readonly string[],
  joined: Readonly<Record<string, string>>,
  parameters: string,
): string {
  const choose = (when: string) => (column: string) => `${column} = CASE WHEN ${when} THEN excluded.${column} ELSE t.${column} END`;
  const updates = [
    ...REPLACED.map(choose(IS_GREATER)),
    ...labels.map(choose(HAS_LABELS)),
    choose(TELLS_TIME)("event_time"),
    ...Object.entries(joined).map(([column, expression]) => `${column} = ${expression}`),
  ];
  return `
  INSERT INTO octogauge.${table} AS t (${columns.join(", ")}, fresh_facts)
  SELECT ${columns.map((column) => `u.${column}`).join(", ")}, u.facts
  FROM unnest(${parameters}) AS u(${columns.join(", ")})
  ORDER BY ${key.map((column) => `u.${column}`).join(", ")}
  ON CONFLICT (${key.join(", ")}) DO UPDATE SET
    facts = t.facts | excluded.facts,
    fresh_facts = excluded.facts & ~t.facts,
    changed_at = now(),
    ${updates.join(",\n    ")}
  WHERE (excluded.facts & ~t.facts) <> 0 OR ${IS_GREATER}
  RETURNING ${key.map((column) => `t.${column}::text`).join(", ")}, t.facts, t.fresh_facts AS "freshFacts"`;
}
