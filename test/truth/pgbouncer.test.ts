import pg from "pg";
import { expect, it } from "vitest";
import { checkMetrics } from "../../src/simulator/check.js";
import { Expectation } from "../../src/simulator/expected.js";
import { generateHistory } from "../../src/simulator/history.js";
import { sendDeliveries } from "../../src/simulator/send.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { SECRET } from "../support/octogauge.js";
import { hasPgBouncer, throughPgBouncer } from "../support/pgbouncer.js";
import { Replica } from "../support/replica.js";

const seed = Number(process.env["SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

if (!hasPgBouncer) console.warn("\n*** SKIPPED: PgBouncer is not installed (Debian package pgbouncer), nothing is known of poolers ***\n");

it.skipIf(!hasPgBouncer)(
  `behind PgBouncer in transaction mode, migrations included, two instances count to the letter (SIMULATION_SEED=${seed})`,
  { timeout: 90_000 },
  async () => {
    const direct = await freshDatabase({ migrated: false });
    const url = await throughPgBouncer(direct, 8);
    // It is transaction mode: two statements outside a transaction may meet two servers.
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
    const expectation = new Expectation();
    function* noted() {
      for (const delivery of generateHistory({
        seed,
        deliveries: 2_000,
        startTime: new Date(Math.floor(Date.now() / 1_000 - 7_200) * 1_000),
      })) {
        expectation.add(delivery);
        yield delivery;
      }
    }
    const summary = await sendDeliveries(noted(), {
      urls: replicas.map((replica) => replica.webhook),
      secret: SECRET,
      rate: 0,
      concurrency: 40,
      redeliver: true,
      redeliverFor: 60,
    });
    expect([summary.lost, summary.refused]).toEqual([0, 0]);
    for (const replica of replicas) {
      const settled = await checkMetrics({
        url: `${replica.management}/metrics`,
        expected: expectation.series(),
        owners: expectation.owners(),
        seconds: 20,
      });
      expect(settled.differences).toEqual([]);
    }
    expect(await rowsOf(direct, "SELECT FROM octogauge.dead_letters UNION ALL SELECT FROM octogauge.retries")).toEqual([]);
    for (const replica of replicas) expect(await replica.kill("SIGTERM")).toBe(0);
  },
);
