import { expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { isTransient } from "../../src/database/errors.js";
import { AdaptiveTimeout } from "../../src/database/adaptive-timeout.js";
import { sql } from "../../src/database/sql.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";

it("a checked-out connection that breaks does not end the process, and the next connection works", async () => {
  const fleet = await stillFleet();
  const database = fleet.get(Database);
  const client = await database.pool.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  await rowsOf(fleet.url, "SELECT pg_terminate_backend($1)", [rows[0]!.pid]);
  // An error event without a listener would be an uncaught exception, which fails the run.
  await expect
    .poll(() =>
      client.query("SELECT 1").then(
        () => "alive",
        () => "gone",
      ),
    )
    .toBe("gone");
  client.release(true);
  expect(await sql(database, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

it("the server ends the transaction of a frozen client, because its locks would stop every replica", async () => {
  const fleet = await stillFleet();
  const shown = await fleet.get(Database).transaction((transaction) => sql(transaction, "SHOW idle_in_transaction_session_timeout"));
  expect(shown).toEqual([{ idle_in_transaction_session_timeout: "10s" }]);
  // The setting applies to the transaction only, so that poolers work.
  expect(await sql(fleet.get(Database), "SHOW idle_in_transaction_session_timeout")).toEqual([
    { idle_in_transaction_session_timeout: "0" },
  ]);
});

it("a statement without an answer times out, and the pool continues", async () => {
  const fleet = await stillFleet();
  await expect(fleet.get(Database).within(0.2).query("SELECT pg_sleep(30)")).rejects.toThrow(/timeout/);
  expect(await sql(fleet.get(Database), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

it("if one connection does not answer, connections of the same age are replaced before their next use", async () => {
  const database = (await stillFleet()).get(Database);
  const pids = async () => {
    const pid = () => sql<{ pid: number }>(database, "SELECT pg_backend_pid() AS pid, pg_sleep(0.1)");
    return (await Promise.all([pid(), pid(), pid()])).map(([row]) => row!.pid);
  };
  const before = await pids();
  expect(new Set(await pids())).toEqual(new Set(before));
  await expect(database.within(0.2).query("SELECT pg_sleep(30)")).rejects.toThrow(/timeout/);
  expect((await pids()).filter((pid) => before.includes(pid))).toEqual([]);
  // An error that the server reports does not replace connections.
  const after = await pids();
  await expect(database.query("SELECT 1 / 0")).rejects.toThrow(/division/);
  expect(new Set(await pids())).toEqual(new Set(after));
});

it("a slow statement gets its full timeout, even while fast statements run", async () => {
  const database = (await stillFleet()).get(Database);
  const slow = () => database.transaction((transaction) => sql(transaction, "SELECT pg_sleep(6)"));
  const beside = new AbortController();
  const quick = (async () => {
    while (!beside.signal.aborted) await database.transaction((transaction) => sql(transaction, "SELECT 1"));
  })();
  await expect(slow()).rejects.toThrow(/timeout/);
  expect(await slow()).toHaveLength(1);
  beside.abort();
  await quick;
});

it("the timeout grows for a slow server and shrinks for a fast one", () => {
  const adaptive = new AdaptiveTimeout(5);
  expect(adaptive.seconds).toBe(5);
  for (let round = 0; round < 6; round += 1) adaptive.timedOut();
  expect(adaptive.seconds).toBe(60);
  adaptive.answered(50);
  expect(adaptive.seconds).toBe(60);
  adaptive.answered(20);
  expect(adaptive.seconds).toBe(54);
  for (let round = 0; round < 100; round += 1) adaptive.answered(20);
  expect(adaptive.seconds).toBe(40);
  for (let round = 0; round < 100; round += 1) adaptive.answered(0.01);
  expect(adaptive.seconds).toBe(5);
});

it.each([
  ["22P05", false],
  ["23514", false],
  ["54000", false],
  ["40P01", true],
  ["42501", true],
  ["42P01", true],
  ["53100", true],
  ["57P01", true],
  ["25006", true],
  ["28P01", true],
  ["XX000", true],
  ["ECONNREFUSED", true],
  ["ETIMEDOUT", true],
  ["ERR_ASSERTION", false],
])("%s is transient: %s", (code, transient) => {
  expect(isTransient(Object.assign(new Error("x"), { code }))).toBe(transient);
});
