import type { ChaosCase } from "../case.js";
import { sleep } from "../waiting.js";

const EVERY_MS = 2_000;

export const kill: ChaosCase = {
  name: "kill",
  what: "SIGKILL of a random replica every 2 s, and an immediate restart",
  seconds: 20,
  shortSeconds: 6,
  async run({ replicas, random, notes }, seconds) {
    const end = performance.now() + seconds * 1_000;
    const starts: Promise<void>[] = [];
    while (performance.now() < end) {
      const next = sleep(EVERY_MS);
      const victim = random.pick(replicas);
      // Replicas that are still starting are killed as well.
      await victim.end("SIGKILL");
      // Ignore a start that a later kill interrupted; other failed starts are faults of the replica.
      starts.push(victim.start().catch(() => undefined));
      await next;
    }
    await Promise.all(starts);
    for (const replica of replicas) if (replica.state !== "up") await replica.start();
    notes.push(`${starts.length} kills`);
  },
};
