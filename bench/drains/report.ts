/**
 * Runs the drain, says how fast it was on one line of JSON, and stays until its input ends, as it does when whoever measures is gone:
 * what PostgreSQL's processes have used is read while they live.
 */
export async function report(drain: () => Promise<number>): Promise<void> {
  const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
  const count = await drain();
  const seconds = (performance.now() - began) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  console.log(JSON.stringify({ count, seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 }));
  process.stdin.resume().once("end", () => process.exit(0));
}
