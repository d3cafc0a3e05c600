import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchServer } from "./database.js";
import { measureServer } from "./measure.js";
import { meanBytes, signedPayloads } from "./payloads.js";
import { atLeast, atMost, type Result } from "./report.js";
import { type Figures, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
  /** Measures only the product and its ceiling. */
  readonly quick: boolean;
}

const VARIANTS = {
  octogauge: "servers/octogauge.js",
  "(a) without the database call": "servers/ceiling.js",
  "(b) one INSERT and commit each": "servers/insert-each.js",
  "(d) bare node:http + HMAC": "servers/bare-http.js",
  "(e) stock Nest-express": "servers/stock-nest.js",
} as const;

/** Compares acknowledged deliveries per second with upper and lower bounds of the same machine, at a fixed number of connections. */
export async function benchIngest(
  server: BenchServer,
  { rounds, seconds, quick }: Scale,
  connections: number,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  const measure = (script: string) => () =>
    measureServer(server, { script, environment: { MODE: "gateway" }, connections, seconds, rate: 0 });
  const pgbench = quick ? undefined : findPgbench();
  await measured.run(
    rounds,
    {
      ...Object.fromEntries(
        Object.entries(VARIANTS)
          .slice(0, quick ? 2 : undefined)
          .map(([name, script]) => [name, measure(script)]),
      ),
      ...(pgbench ? { "(c) pgbench, one row a commit, 16 clients": () => runPgbench(pgbench, server, seconds) } : {}),
    },
    progress,
  );
  const ratio = (figure: string, to: string) => measured.ratio(figure, "octogauge", to);
  const [a, b, d, e] = Object.keys(VARIANTS).slice(1) as [string, string, string, string];
  return {
    name: `ingest, ${connections} connections`,
    conditions: `Signed bodies of ${Math.round(meanBytes(signedPayloads()) / 1_000)} KB on average, keep-alive, 202 after commit; ${rounds} interleaved rounds of ${seconds} s, medians.${pgbench || quick ? "" : " pgbench is not installed: (c) is missing."}`,
    rounds: measured,
    verdicts: [
      atLeast("rate / (a)", ratio("req/s", a), 0.75),
      atLeast("rate / (b)", ratio("req/s", b), 1.2),
      atMost("Postgres CPU per delivery / (b)", ratio("postgres ms", b), 0.6),
      ...(pgbench ? [atLeast("rate / (c)", ratio("req/s", "(c) pgbench, one row a commit, 16 clients"), 0.7)] : []),
      atLeast("rate / (d)", ratio("req/s", d), 0.4),
      atLeast("(a) / (e)", measured.ratio("req/s", a, e), 3),
      atMost("p99 / p99 of (a)", ratio("p99 ms", a), 2),
    ],
  };
}

function findPgbench(): string | undefined {
  return spawnSync("pgbench", ["--version"]).status === 0 ? "pgbench" : undefined;
}

/** pgbench, a client in C without HTTP and HMAC: one delivery per transaction, with the payload in its row, compressed by PostgreSQL. */
async function runPgbench(pgbench: string, server: BenchServer, seconds: number): Promise<Figures> {
  const url = await server.fresh();
  const payload = signedPayloads(1)[0]!;
  const script = join(tmpdir(), `octogauge-pgbench-${process.pid}.sql`);
  // Hex, because pgbench sends only text.
  writeFileSync(
    script,
    `WITH fresh AS (INSERT INTO octogauge.delivery_ledger (delivery_id) VALUES (gen_random_uuid()) RETURNING delivery_id) INSERT INTO octogauge.inbox (priority, delivery_id, event, hook_id, form, projection, payload) SELECT 0, delivery_id, 'workflow_job', 1, false, NULL, '\\x${payload.body.toString("hex")}'::bytea FROM fresh;\n`,
  );
  const before = server.cpuSeconds();
  const result = spawnSync(pgbench, ["-n", "-M", "prepared", "-c", "16", "-j", "2", "-T", String(seconds), "-f", script, url], {
    encoding: "utf8",
  });
  const perSecond = Number(/tps = ([\d.]+)/.exec(result.stdout)?.[1]);
  if (!Number.isFinite(perSecond)) throw new Error(`pgbench failed: ${result.stderr}`);
  const figures = {
    "req/s": perSecond,
    "p50 ms": NaN,
    "p99 ms": NaN,
    "node ms": NaN,
    "postgres ms": ((server.cpuSeconds() - before) * 1_000) / (perSecond * seconds),
    "peak MiB": NaN,
  };
  await server.drop(url);
  return figures;
}
