import { BenchChild, load } from "./child.js";
import { type BenchServer, query } from "./database.js";
import { atLeast, type Result } from "./report.js";
import { type Figures, Rounds } from "./statistics.js";
import { drained, pending, sustainedRate } from "./sustained.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
  /** Measures fewer fleet sizes with fewer steps. */
  readonly quick: boolean;
  readonly soakMinutes: number;
}

type Mode = "standalone" | "gateway" | "worker";

const FLEETS = {
  "1 process": ["standalone"],
  "2 processes": ["standalone", "standalone"],
  "4 processes": ["standalone", "standalone", "standalone", "standalone"],
  "gateway + worker": ["gateway", "worker"],
} as const satisfies Readonly<Record<string, readonly Mode[]>>;

const SPLIT = "gateway + worker";
/** Fleet sizes of the quick variant. */
const ENDS: ReadonlySet<string> = new Set(["1 process", SPLIT]);
const SYNC = "1 process, synchronously";
const SYNC_CONNECTIONS = 64;
const CONNECTIONS = 256;
/** Share of the capacity for the long run, as in capacity planning. */
const PLANNED = 0.7;

/** A number of processes on one database. */
class Fleet {
  private constructor(
    private readonly server: BenchServer,
    readonly url: string,
    readonly members: readonly BenchChild[],
    readonly ports: readonly number[],
  ) {}

  static async start(server: BenchServer, script: string, modes: readonly Mode[]): Promise<Fleet> {
    const url = await server.fresh();
    const members: BenchChild[] = [];
    for (const mode of modes) members.push(await BenchChild.start(script, { DATABASE_URL: url, MODE: mode }));
    const ports = members.flatMap(({ ready }, index) => (modes[index] === "worker" ? [] : [ready["port"]!]));
    return new Fleet(server, url, members, ports);
  }

  cpuSeconds(): number {
    return this.members.reduce((sum, member) => sum + member.cpuSeconds(), 0);
  }

  async connections(): Promise<number> {
    const [row] = await query<{ count: number }>(
      this.url,
      "SELECT count(*)::integer AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    return row?.count ?? NaN;
  }

  async stop(): Promise<void> {
    for (const member of this.members) await member.stop();
    await this.server.drop(this.url);
  }
}

/** Measures the capacity of one, two and four processes, and a long run below it. */
export async function benchScale(
  server: BenchServer,
  { rounds, seconds, quick, soakMinutes }: Scale,
  progress: (line: string) => void,
): Promise<Result[]> {
  const measured = new Rounds();
  const steps = quick ? 1 : 5;
  const sustained = (modes: readonly Mode[]) => async (): Promise<Figures> => {
    const fleet = await Fleet.start(server, "servers/octogauge.js", modes);
    const { rate, p99 } = await sustainedRate(fleet.url, fleet.ports, seconds, steps);
    // Measure again at the found rate, for the CPU time per delivery.
    const cost = Number.isNaN(rate) ? { "node ms": NaN, "postgres ms": NaN } : await costAt(server, fleet, rate, seconds);
    const figures = { "deliveries/s": rate, "p99 ms": p99, ...cost, "database connections": await fleet.connections() };
    await fleet.stop();
    return figures;
  };
  const sync = async (): Promise<Figures> => {
    const fleet = await Fleet.start(server, "servers/sync.js", ["gateway"]);
    const figures = await costAt(server, fleet, 0, seconds, SYNC_CONNECTIONS);
    await fleet.stop();
    return { "deliveries/s": figures["req/s"]!, ...figures, "database connections": NaN };
  };
  await measured.run(
    rounds,
    {
      ...Object.fromEntries(
        Object.entries(FLEETS)
          .filter(([name]) => !quick || ENDS.has(name))
          .map(([name, modes]) => [name, sustained(modes)]),
      ),
      [SYNC]: sync,
    },
    progress,
  );
  const ratio = (of: string, to: string) => measured.ratio("deliveries/s", of, to);
  const scale: Result = {
    name: "scale",
    conditions: `Acknowledged and processed with a flat backlog: the highest rate of ${steps} steps by halves, ${CONNECTIONS} connections, every delivery of a new job or run; ${SYNC}: processed in the request, ${SYNC_CONNECTIONS} connections; ${rounds} rounds, windows of ${seconds} s, medians.`,
    rounds: measured,
    verdicts: [atLeast(`${SPLIT} / ${SYNC}`, ratio(SPLIT, SYNC), 10)],
  };
  const capacity = measured.medians(SPLIT)["deliveries/s"] ?? NaN;
  return soakMinutes > 0 && capacity > 0 ? [scale, await soak(server, Math.round(PLANNED * capacity), soakMinutes, progress)] : [scale];
}

async function costAt(server: BenchServer, fleet: Fleet, rate: number, seconds: number, connections = CONNECTIONS): Promise<Figures> {
  const warmUpSeconds = seconds / 2;
  const [node, postgres] = [fleet.cpuSeconds(), server.cpuSeconds()];
  const result = await load({ ports: fleet.ports, connections, seconds, warmUpSeconds, rate: Math.round(rate), distinct: true });
  if (Object.keys(result.statuses).some((status) => status !== "202")) throw new Error(`answered ${JSON.stringify(result.statuses)}`);
  await drained(fleet.url);
  const deliveries = result.perSecond * (seconds + warmUpSeconds);
  return {
    "req/s": result.perSecond,
    "p99 ms": result.p99,
    "node ms": ((fleet.cpuSeconds() - node) * 1_000) / deliveries,
    "postgres ms": ((server.cpuSeconds() - postgres) * 1_000) / deliveries,
  };
}

/** Runs minutes at one rate on a growing database. */
async function soak(server: BenchServer, rate: number, minutes: number, progress: (line: string) => void): Promise<Result> {
  const fleet = await Fleet.start(server, "servers/octogauge.js", FLEETS[SPLIT]);
  const measured = new Rounds();
  const minute = async (): Promise<Figures> => {
    const result = await load({ ports: fleet.ports, connections: CONNECTIONS, seconds: 60, warmUpSeconds: 0, rate, distinct: true });
    const others = Object.entries(result.statuses).filter(([status]) => status !== "202");
    return {
      "acknowledged/s": result.perSecond,
      "not acknowledged": others.reduce((sum, [, count]) => sum + count, 0),
      "p50 ms": result.p50,
      "p99 ms": result.p99,
      "longest ms": result.longest,
      "pending at its end": await pending(fleet.url),
    };
  };
  for (let number = 1; number <= minutes; number += 1) await measured.run(1, { [`minute ${number}`]: minute }, progress);
  await drained(fleet.url);
  await fleet.stop();
  return {
    name: "scale, a long run",
    conditions: `${SPLIT} at ${rate} deliveries a second, ${PLANNED * 100} % of the highest rate above, ${CONNECTIONS} connections, latency from when a request was due.`,
    rounds: measured,
    verdicts: [],
  };
}
