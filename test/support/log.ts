import { Logger } from "@nestjs/common";
import { onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { OctogaugeLogger } from "../../src/logging/octogauge-logger.js";

export type Line = Readonly<Record<string, unknown>>;

/** What this process logs from now on, in JSON; for everything that is started in this test. */
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

/** Lines without what differs from one to the next. */
export const told = (lines: readonly Line[]): Line[] =>
  lines.map(({ time: _time, pid: _pid, ...line }) => {
    for (const name of ["duration_seconds", "age_seconds", "pause_seconds"]) if (name in line) line = { ...line, [name]: "some" };
    return line;
  });
