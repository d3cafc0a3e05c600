/**
 * Runs the drain and prints one line of JSON. The process then waits for the end of stdin, because the benchmark reads the CPU time
 * of live PostgreSQL processes.
 */
export async function report(drain: () => Promise<number>): Promise<void> {
  const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
  const count = await drain();
  const seconds = (performance.now() - began) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  console.log(JSON.stringify({ count, seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 }));
  process.stdin.resume().once("end", () => process.exit(0));
}
