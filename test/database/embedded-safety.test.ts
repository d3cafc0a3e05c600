import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startEmbeddedPostgres } from "../../src/database/embedded/embedded-postgres.js";
import { isPostgres, unprivilegedUser, owner, postmasterOf, query, scratch, start } from "../support/embedded.js";
import { until } from "../support/wait.js";

/** A separate process namespace, as in a container: processes outside are invisible. */
const CONTAINER = ["unshare", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"];
const canUnshare = spawnSync(CONTAINER[0]!, [...CONTAINER.slice(1), "true"]).status === 0;
if (!canUnshare)
  console.warn("NO PROCESS NAMESPACES (unshare, as root): two containers on one DATA_DIR are tested by altered numbers only");
if (unprivilegedUser === null) console.warn("NOT ROOT: planted links are not tested in this run");

const messageOf = (error: Error): string => error.message;
const stateFile = (dataDir: string): string => join(dataDir, "embedded.json");
const pidFile = (dataDir: string): string => join(dataDir, "postgres", "postmaster.pid");
const alter = (path: string, change: (text: string) => string): void => fs.writeFileSync(path, change(fs.readFileSync(path, "utf8")));
/** A process id that no process has. */
const NO_PROCESS = "4194999";

describe("one data directory", () => {
  it.runIf(canUnshare)("is refused in a second container while the first lives, and free once the first is killed", async () => {
    const dataDir = join(scratch(), "data");
    const first = owner({ dataDir }, undefined, {}, CONTAINER);
    const { url } = await first.answer;
    await query(url, "CREATE TABLE kept AS SELECT 42 AS answer");
    const second = await owner({ dataDir }, undefined, {}, CONTAINER).answer;
    expect(second.error).toMatch(/another Octogauge .*DATA_DIR.*DATABASE_URL/);
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(/another Octogauge/);
    expect(await query(url, "SELECT answer FROM kept")).toEqual([42]);
    // Killing process 1 of a namespace kills all its processes.
    await first.kill9();
    await until("the first server is gone", () => spawnSync("pgrep", ["-f", `postgres -D ${dataDir}`]).status !== 0);
    expect(await query((await start({ dataDir })).url, "SELECT answer FROM kept")).toEqual([42]);
  });

  it("is refused while its owner lives, even if the owner's process id means nothing in this namespace", async () => {
    const dataDir = join(scratch(), "data");
    const first = owner({ dataDir });
    const { url } = await first.answer;
    alter(stateFile(dataDir), (text) => text.replace(/("ownerPid": )\d+/, `$1${NO_PROCESS}`));
    alter(pidFile(dataDir), (text) => text.replace(/^\d+/, NO_PROCESS));
    expect(await startEmbeddedPostgres({ dataDir }).catch(messageOf)).toMatch(/another Octogauge .*DATA_DIR/);
    expect(await query((await start({ dataDir, join: true })).url, "SELECT 1")).toEqual([1]);
    expect(await query(url, "SELECT 1")).toEqual([1]);
  });

  it("is refused while an invisible server runs on it, although its owner has ended", async () => {
    const dataDir = join(scratch(), "data");
    const first = owner({ dataDir });
    await first.answer;
    const postmaster = postmasterOf(dataDir)!;
    await first.kill9();
    const text = fs.readFileSync(pidFile(dataDir), "utf8");
    alter(pidFile(dataDir), () => text.replace(/^\d+/, NO_PROCESS));
    expect(await startEmbeddedPostgres({ dataDir }).catch(messageOf)).toMatch(/this process cannot see.*container/);
    expect(isPostgres(postmaster)).toBe(true);
    alter(pidFile(dataDir), () => text);
    expect(await query((await start({ dataDir })).url, "SELECT 1")).toEqual([1]);
    expect(isPostgres(postmaster)).toBe(false);
  });
});

describe("the server", () => {
  it("listens only at a socket in its own directory, however long the path is", async () => {
    const dataDir = join(scratch(), "d".repeat(90), "data");
    const server = await start({ dataDir });
    expect(await query(server.url, "SHOW listen_addresses")).toEqual([""]);
    const directory = fs.realpathSync(decodeURIComponent(new URL(server.url).hostname));
    expect(directory).toBe(join(server.dataDir, "postgres"));
    expect(fs.statSync(directory).mode & 0o077).toBe(0);
  });

  it("is restarted at the same address after a crash, until it is stopped", async () => {
    const dataDir = join(scratch(), "data");
    const log: string[] = [];
    const server = await start({ dataDir, log: (line) => log.push(line) });
    await query(server.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    for (let round = 0; round < 2; round += 1) {
      const died = postmasterOf(dataDir)!;
      process.kill(died, "SIGKILL");
      await until("it died", () => !isPostgres(died));
      await expect.poll(() => query(server.url, "SELECT answer FROM kept").catch(() => [])).toEqual([42]);
    }
    expect(log.join()).toContain("starting it again");
    // Also during the restart.
    process.kill(postmasterOf(dataDir)!, "SIGKILL");
    await server.stop();
    expect(postmasterOf(dataDir)).toBeNull();
  });
});

describe.runIf(unprivilegedUser !== null)("root", () => {
  /** A data directory with a cluster, as an ordinary user may have prepared it. */
  function planted(uid: number): { dataDir: string; cluster: string } {
    const dataDir = join(scratch(), "data");
    const cluster = join(dataDir, "postgres");
    fs.mkdirSync(join(cluster, "global"), { recursive: true });
    fs.writeFileSync(join(cluster, "PG_VERSION"), "18\n");
    fs.writeFileSync(join(cluster, "global", "pg_control"), "");
    for (const path of [dataDir, cluster, join(cluster, "global"), join(cluster, "PG_VERSION")]) fs.chownSync(path, uid, uid);
    return { dataDir, cluster };
  }
  const refusal = (dataDir: string): Promise<string> =>
    startEmbeddedPostgres({ dataDir }).then(async (server) => (await server.stop(), "started"), messageOf);
  const [MALLORY, ALICE] = [61_234, 61_235];

  it("does not start a cluster as a user chosen by another user: by a link, by a file of that user, or by a directory that others can write", async () => {
    const alices = join(scratch(), "PG_VERSION");
    fs.writeFileSync(alices, "18\n");
    fs.chownSync(alices, ALICE, ALICE);

    const linked = planted(MALLORY);
    fs.rmSync(join(linked.cluster, "PG_VERSION"));
    fs.symlinkSync(alices, join(linked.cluster, "PG_VERSION"));
    expect(await refusal(linked.dataDir)).toMatch(/PG_VERSION.*link/);

    const owned = planted(MALLORY);
    fs.chownSync(join(owned.cluster, "PG_VERSION"), ALICE, ALICE);
    expect(await refusal(owned.dataDir)).toMatch(/belong to different users/);

    const inside = planted(ALICE);
    fs.chownSync(inside.dataDir, MALLORY, MALLORY);
    expect(await refusal(inside.dataDir)).toMatch(/belong to different users/);

    const open = planted(ALICE);
    fs.chmodSync(open.dataDir, 0o777);
    fs.chownSync(open.dataDir, 0, 0);
    expect(await refusal(open.dataDir)).toMatch(/other users can write to it/);

    const elsewhere = planted(ALICE);
    const mallorys = planted(MALLORY);
    fs.rmSync(mallorys.cluster, { recursive: true });
    fs.symlinkSync(elsewhere.cluster, mallorys.cluster);
    expect(await refusal(mallorys.dataDir)).toMatch(/postgres.*link/);
  });

  it("follows no link in place of a file that it reads, and kills no process of another user", async () => {
    const dataDir = join(scratch(), "data");
    const first = await start({ dataDir });
    const { password } = new URL(first.url);
    await first.stop();
    const secret = join(scratch(), "secret.json");
    fs.writeFileSync(secret, JSON.stringify({ password: "another" }), { mode: 0o600 });
    fs.renameSync(stateFile(dataDir), `${secret}.kept`);
    fs.symlinkSync(secret, stateFile(dataDir));
    expect(await refusal(dataDir)).toMatch(/embedded\.json.*link/);
    fs.rmSync(stateFile(dataDir));
    fs.renameSync(`${secret}.kept`, stateFile(dataDir));
    fs.symlinkSync(secret, pidFile(dataDir));
    expect(await refusal(dataDir)).toMatch(/postmaster\.pid.*link/);
    fs.rmSync(pidFile(dataDir));
    expect(new URL((await start({ dataDir })).url).password).toBe(password);
  });
});
