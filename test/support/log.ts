import { Logger } from "@nestjs/common";
import { onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { OctogaugeLogger } from "../../src/logging/octogauge-logger.js";

export type Line = Readonly<Record<string, unknown>>;

/** The JSON log lines of this process from now on, for everything that this test starts. */
export function captureLog(overrides: Record<string, string> = {}): { readonly lines: Line[]; text(): string } {
  let text = "";
  const lines: Line[] = [];
  const write = (chunk: string) => {
    text += chunk;
    lines.push(JSON.parse(chunk) as Line);
  };
  Logger.overrideLogger(new OctogaugeLogger(loadConfig(overrides), { write }));
  onTestFinished(() => Logger.overrideLogger(false));
  return { lines, text: () => text };
}

/** Log lines without the fields that differ per line. */
export const comparable = (lines: readonly Line[]): Line[] =>
  lines.map(({ time: _time, pid: _pid, ...line }) => {
    for (const name of ["duration_seconds", "age_seconds", "pause_seconds"]) if (name in line) line = { ...line, [name]: "some" };
    return line;
  });
