const SHARER = /^(?:owner="((?:[^"\\]|\\.)*)",repo="((?:[^"\\]|\\.)*)"|event="(?:[^"\\]|\\.)*")(?=,)/;

/**
 * The sharer of a series: the labels of its repository, or of its event if it has none. Sharers divide a metric's budget.
 * @returns undefined if the series names neither
 */
export function sharerOf(labels: string): string | undefined {
  const [text, owner, repo] = SHARER.exec(labels) ?? [];
  return owner === "" && repo === "" ? undefined : text;
}

/**
 * Whether a sharer may add a label set: it may own as many as are free. One sharer alone gets half of the budget,
 * and the rest stays for others.
 */
export const mayGrow = (own: number, used: number, budget: number): boolean => own < budget - used;
