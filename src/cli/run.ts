/** Runs a command to its end. An error becomes one message and exit code 1; with LOG_LEVEL=debug it keeps its stack. */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    const wantsStack = ["debug", "trace", "verbose"].includes(process.env["LOG_LEVEL"] ?? "");
    console.error(error instanceof Error && !wantsStack ? error.message || String(error) : error);
    process.exitCode = 1;
    // A failed start can leave timers behind.
    setImmediate(() => process.exit(1));
  }
}
