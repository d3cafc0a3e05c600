import type { Command } from "commander";
import { vi } from "vitest";
import { type Config, loadConfig } from "../../src/config/config.js";

/** Runs a command group in this process, which is faster than a new process. @returns its output, errors included */
export async function runCommand(
  group: (configured: () => Config) => Command,
  url: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const output = { stdout: "", stderr: "" };
  const spies = [
    vi.spyOn(console, "log").mockImplementation((line: string) => void (output.stdout += `${line}\n`)),
    vi.spyOn(console, "error").mockImplementation((line: string) => void (output.stderr += `${line}\n`)),
  ];
  const command = group(() => loadConfig({ DATABASE_URL: url, MODE: "worker" }));
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput({ writeErr: (text) => void (output.stderr += text) });
  try {
    await command.parseAsync(args, { from: "user" });
  } catch (error) {
    output.stderr += (error as Error).message;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return output;
}
