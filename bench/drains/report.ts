/** Runs the drain, says how fast it was on one line of JSON, and ends the process. */
export async function report(drain: () => Promise<number>): Promise<never> {
  const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
  const count = await drain();
  const seconds = (performance.now() - began) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  console.log(JSON.stringify({ count, seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 }));
  process.exit(0);
}
