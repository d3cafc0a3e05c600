const UNIT_SECONDS = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/**
 * Parses `90`, `90s`, `10m`, `6h`, `7d` or `250ms`. A number without a unit is in seconds.
 * @returns seconds, or undefined where the text is not a duration
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (!match) return undefined;
  const unit = (match[2] ?? "s") as keyof typeof UNIT_SECONDS;
  return Number(match[1]) * UNIT_SECONDS[unit];
}

/** The shortest form of a number of seconds: `7d`, `90s`, `250ms`. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${seconds * 1_000}ms`;
  const unit = (["d", "h", "m"] as const).find((candidate) => seconds > 0 && seconds % UNIT_SECONDS[candidate] === 0);
  return unit ? `${seconds / UNIT_SECONDS[unit]}${unit}` : `${seconds}s`;
}
