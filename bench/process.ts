import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BenchServer } from "./database.js";
import { preloadGraphile, preloadPgBoss } from "./preload-peers.js";
import { preloadInbox, preloadRows } from "./preload.js";
import { atLeast, type Result } from "./report.js";
import { type Figures, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  readonly count: number;
  /** Measures only the faster peer and one variant of the product. */
  readonly quick: boolean;
}

/** Compares draining the inbox, with state, counters and histograms, with job queues whose jobs do nothing. */
export async function benchProcess(
  server: BenchServer,
  { rounds, count, quick }: Scale,
  progress: (line: string) => void,
): Promise<Result> {
  progress(`storing ${count} deliveries, four times`);
  const [inbox, rows, graphile, boss] = [await server.fresh(), await server.fresh(), await server.fresh(), await server.fresh()];
  await preloadInbox(inbox, count);
  await preloadRows(rows, count);
  await preloadGraphile(graphile, count);
  if (!quick) await preloadPgBoss(boss, count);
  const measured = new Rounds();
  const drain =
    (script: string, template: string, environment: Record<string, string> = {}) =>
    async (): Promise<Figures> => {
      const url = await server.clone(template);
      const before = server.cpuSeconds();
      const drained = await startDrain(script, { DATABASE_URL: url, COUNT: String(count), ...environment });
      const { result } = drained;
      const figures = {
        "events/s": result.count / result.seconds,
        "node ms": (result.cpuSeconds * 1_000) / count,
        "postgres ms": ((server.cpuSeconds() - before) * 1_000) / count,
      };
      await drained.end();
      if (result.count !== count) throw new Error(`${script} drained ${result.count} of ${count}`);
      await server.drop(url);
      return figures;
    };
  await measured.run(
    rounds,
    {
      octogauge: drain("octogauge", inbox),
      "floor: claim, fetch, parse, delete": drain("floor", rows),
      "graphile-worker, batched, no-op": drain("graphile", graphile, { BATCHED: "1" }),
      ...(quick
        ? {}
        : {
            "octogauge, one loop": drain("octogauge", inbox, { WORKER_CONCURRENCY: "1" }),
            "graphile-worker, unbatched, no-op": drain("graphile", graphile),
            "pg-boss, batches of 500 x 4, no-op": drain("pg-boss", boss),
          }),
    },
    progress,
  );
  for (const template of [inbox, rows, graphile, boss]) await server.drop(template);
  const ratio = (to: string) => measured.ratio("events/s", "octogauge", to);
  const peer = ["graphile-worker, batched, no-op", "pg-boss, batches of 500 x 4, no-op"].sort(
    (a, b) => (measured.medians(b)["events/s"] ?? 0) - (measured.medians(a)["events/s"] ?? 0),
  )[0]!;
  return {
    name: "process",
    conditions: `${count} stored run and job deliveries with their payloads; one process each; ${rounds} interleaved rounds, medians.`,
    rounds: measured,
    verdicts: [
      atLeast(`rate / the better tuned peer (${peer})`, ratio(peer), 2),
      atLeast("rate / graphile-worker unbatched", ratio("graphile-worker, unbatched, no-op"), 6),
      atLeast("rate / floor", ratio("floor: claim, fetch, parse, delete"), 1.5),
    ],
  };
}

interface Drained {
  readonly result: { readonly count: number; readonly seconds: number; readonly cpuSeconds: number };
  end(): Promise<void>;
}

/** @returns after the drain; the process runs until it is stopped */
async function startDrain(name: string, environment: Record<string, string>): Promise<Drained> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(`drains/${name}.js`, import.meta.url))], {
    env: { ...process.env, ...environment },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith("{")) continue;
    const end = async () => {
      child.stdin.end();
      await exited;
    };
    return { result: JSON.parse(line) as Drained["result"], end };
  }
  throw new Error(`${name} ended with ${String((await exited)[0])} before it had drained all`);
}
