const SHARER = /^(?:owner="((?:[^"\\]|\\.)*)",repo="((?:[^"\\]|\\.)*)"|event="(?:[^"\\]|\\.)*")(?=,)/;

/**
 * The first labels of a series, by which a metric's budget is shared: its repository, or its event where it has none.
 * @returns undefined where neither is named
 */
export function sharerOf(labels: string): string | undefined {
  const [text, owner, repo] = SHARER.exec(labels) ?? [];
  return owner === "" && repo === "" ? undefined : text;
}

/**
 * Whether one sharer may have a further label set: not more than are free. So it gets half of the budget while it is alone,
 * and never what is left for all others.
 */
export const mayGrow = (own: number, used: number, budget: number): boolean => own < budget - used;
