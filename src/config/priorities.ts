/** The lane of the inbox for each event. Workers empty lane 0 first. */
export interface Priorities {
  /** By event, or by `event.action`, which takes precedence. */
  readonly lanes: ReadonlyMap<string, number>;
  /** The lane of all other events. */
  readonly other: number;
  /** Whether any entry names an action. Intake then has to read the action. */
  readonly byAction: boolean;
  /** The same settings as text. */
  toString(): string;
}

export const LANE_COUNT = 4;

export const PRIORITY_FORMS = `event=lane or event.action=lane, and *=lane for all others, separated by commas, each once; lanes from 0 to ${LANE_COUNT - 1}`;

const ENTRY = /^(\*|[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\s*=\s*([0-9])$/;

export const DEFAULT_PRIORITIES = "workflow_job=0,workflow_run=0,*=1";

/** @returns undefined where an entry has another form or occurs twice */
export function readPriorities(value: string): Priorities | undefined {
  const lanes = new Map<string, number>();
  for (const entry of value
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [, name, lane] = ENTRY.exec(entry) ?? [];
    if (name === undefined || lane === undefined || Number(lane) >= LANE_COUNT || lanes.has(name)) return undefined;
    lanes.set(name, Number(lane));
  }
  const other = lanes.get("*") ?? 1;
  lanes.delete("*");
  const toString = () => [...lanes, ["*", other]].map(([name, lane]) => `${name}=${lane}`).join(",");
  return { lanes, other, byAction: [...lanes.keys()].some((name) => name.includes(".")), toString };
}
