#!/usr/bin/env node
import { program } from "./cli/program.js";

try {
  await program.parseAsync();
} catch (error) {
  const wantsStack = ["debug", "trace", "verbose"].includes(process.env["LOG_LEVEL"] ?? "");
  console.error(error instanceof Error && !wantsStack ? error.message || String(error) : error);
  process.exitCode = 1;
  // A failed start may leave timers that would keep the process alive.
  setImmediate(() => process.exit(1));
}
