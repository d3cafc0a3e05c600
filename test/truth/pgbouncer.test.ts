import pg from "pg";
import { expect, it } from "vitest";
import { freshDatabase, rowsOf } from "../support/database.js";
import { hasPgBouncer, throughPgBouncer } from "../support/pgbouncer.js";
import { Replica } from "../support/replica.js";
import { expectMetrics, simulate } from "../support/simulation.js";

const seed = Number(process.env["SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

if (!hasPgBouncer) console.warn("\n*** SKIPPED: PgBouncer is not installed (Debian package pgbouncer), nothing is known of poolers ***\n");

it.skipIf(!hasPgBouncer)(
  `two instances behind PgBouncer in transaction mode migrate and give exact counts (SIMULATION_SEED=${seed})`,

  async () => {
    const direct = await freshDatabase({ migrated: false });
    const url = await throughPgBouncer(direct, 8);
    // Proves transaction mode: two statements outside a transaction may reach two server connections.
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("CREATE TEMPORARY TABLE mine ()");
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query("BEGIN");
    await expect(client.query("SELECT FROM mine")).rejects.toThrow(/does not exist/);
    await other.query("ROLLBACK");
    await Promise.all([client.end(), other.end()]);

    const replicas = await Promise.all([Replica.start(url), Replica.start(url)]);
    const { expectation, summary } = await simulate(replicas, seed, 2_000);
    expect([summary.lost, summary.refused]).toEqual([0, 0]);
    await expectMetrics(replicas, expectation);
    expect(await rowsOf(direct, "SELECT FROM octogauge.dead_letters UNION ALL SELECT FROM octogauge.retries")).toEqual([]);
    for (const replica of replicas) expect(await replica.kill("SIGTERM")).toBe(0);
  },
);
