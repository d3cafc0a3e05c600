import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { findPlatformPackage } from "../../src/database/embedded/binaries.js";
import { startEmbeddedPostgres } from "../../src/database/embedded/embedded-postgres.js";
import { copyNativeTree } from "../../src/database/embedded/native-tree.js";
import { lookUpNobody } from "../../src/database/embedded/run-as.js";
import {
  bareProject,
  BUILD_MARK,
  isPostgres,
  killPostmaster,
  unprivilegedUser,
  owner,
  postmasterOf,
  query,
  scratch,
  start,
} from "../support/embedded.js";
import { until } from "../support/wait.js";

if (unprivilegedUser === null) console.warn("NOT ROOT: what the embedded PostgreSQL does for root is not tested in this run");

describe("an embedded database", () => {
  it("starts from nothing, for this machine only, and keeps its rows over stop and start", async () => {
    const dataDir = join(scratch(), "data");
    const server = await start({ dataDir, settings: { listen_addresses: "*", work_mem: "7MB" } });
    expect(server).toMatchObject({ owned: true, dataDir });
    expect(await query(server.url, "SELECT 1")).toEqual([1]);
    expect(await query(server.url, "SHOW work_mem")).toEqual(["7MB"]);

    const { hostname, password } = new URL(server.url);
    expect(decodeURIComponent(hostname)).toBe(join(dataDir, "postgres"));
    expect(await query(server.url, "SHOW listen_addresses")).toEqual([""]);
    await expect(query(server.url.replace(password, "wrong"), "SELECT 1")).rejects.toThrow(/password authentication failed/);
    expect(fs.statSync(join(dataDir, "embedded.json")).mode & 0o777).toBe(0o600);

    await query(server.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    const postmaster = postmasterOf(dataDir);
    expect(postmaster).not.toBeNull();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(isPostgres(postmaster ?? 0)).toBe(false);
    expect(fs.readFileSync(join(dataDir, "postgres.log"), "utf8")).toContain("fast shutdown");

    const again = await start({ dataDir });
    expect(await query(again.url, "SELECT answer FROM kept")).toEqual([42]);
    expect(new URL(again.url).password).toBe(password);
  });

  it("survives Ctrl+C at its owner's terminal and kill -9 of its owner", async () => {
    const dataDir = join(scratch(), "data");
    const first = owner({ dataDir });
    const { url } = await first.answer;
    await query(url, "CREATE TABLE kept AS SELECT 42 AS answer");
    const orphan = postmasterOf(dataDir) ?? 0;
    await first.interrupt();
    expect(await query(url, "SELECT answer FROM kept")).toEqual([42]);
    await first.kill9();
    expect(isPostgres(orphan)).toBe(true);

    const log: string[] = [];
    const second = await start({ dataDir, log: (line) => log.push(line) });
    expect(await query(second.url, "SELECT answer FROM kept")).toEqual([42]);
    expect(isPostgres(orphan)).toBe(false);
    expect(second.owned).toBe(true);
    expect(log.join()).toContain(`pid ${orphan}`);
  });

  it("starts after all its processes were killed, although another process now has the id in postmaster.pid", async () => {
    const dataDir = join(scratch(), "data");
    const first = owner({ dataDir });
    const { url } = await first.answer;
    await query(url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await first.kill9();
    const killed = postmasterOf(dataDir) ?? 0;
    process.kill(killed, "SIGKILL");
    await until("the server is gone", () => !isPostgres(killed));
    const ids = unprivilegedUser === null ? {} : { uid: unprivilegedUser.uid, gid: unprivilegedUser.gid };
    const stranger = spawn("sleep", ["60"], { stdio: "ignore", ...ids });
    onTestFinished(() => void stranger.kill("SIGKILL"));
    const pidFile = join(dataDir, "postgres", "postmaster.pid");
    fs.writeFileSync(pidFile, fs.readFileSync(pidFile, "utf8").replace(/^\d+/, String(stranger.pid)));

    const second = await start({ dataDir });
    expect(await query(second.url, "SELECT answer FROM kept")).toEqual([42]);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  });

  it("is joined while its owner lives, or refused with the owner's process id", async () => {
    const dataDir = join(scratch(), "data");
    const [one, other] = [owner({ dataDir, join: true }), owner({ dataDir, join: true })];
    const answers = await Promise.all([one.answer, other.answer]);
    // Both processes started at once: one created the database, and the other waited for it.
    expect(answers.map(({ owned }) => owned).sort()).toEqual([false, true]);
    expect(answers[0].url).toBe(answers[1].url);
    const [living, joined] = answers[0].owned ? [one, other] : [other, one];
    await joined.end();

    const here = await start({ dataDir, join: true });
    expect(here).toMatchObject({ owned: false, url: answers[0].url });
    await here.stop();
    expect(await query(here.url, "SELECT 1")).toEqual([1]);

    const refusal = await startEmbeddedPostgres({ dataDir }).catch((error: Error) => error.message);
    expect(refusal).toContain(`pid ${living.child.pid}`);
    expect(refusal).toMatch(/DATA_DIR.*DATABASE_URL/);
    await living.end();
    expect(postmasterOf(dataDir)).toBeNull();
  });

  it("recovers from kill -9 during its creation, and from incomplete files in its place", async () => {
    const dataDir = join(scratch(), "data");
    const first = owner({ dataDir });
    const drafts = (): string[] => (fs.existsSync(dataDir) ? fs.readdirSync(dataDir).filter((name) => name.includes(".draft-")) : []);
    await until("initdb works", () => drafts().some((name) => fs.existsSync(join(dataDir, name, "PG_VERSION"))));
    await first.kill9();
    expect(fs.existsSync(join(dataDir, "postgres"))).toBe(false);
    expect(drafts()).not.toEqual([]);
    // The killed process still holds the lock.
    expect(fs.readlinkSync(join(dataDir, "embedded.lock"))).toContain(`${first.child.pid}`);
    fs.mkdirSync(join(dataDir, "postgres"));
    fs.writeFileSync(join(dataDir, "postgres", "PG_VERSION"), "18\n");

    const log: string[] = [];
    const second = await start({ dataDir, log: (line) => log.push(line) });
    expect(await query(second.url, "SELECT 1")).toEqual([1]);
    expect(drafts()).toEqual([]);
    expect(log.join()).toContain("holds no complete database");
  });

  it("can be opened again after its password was lost", async () => {
    const dataDir = join(scratch(), "data");
    const first = await start({ dataDir });
    await query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await first.stop();
    fs.writeFileSync(join(dataDir, "embedded.json"), '{"pass');
    const second = await start({ dataDir });
    expect(new URL(second.url).password).not.toBe(new URL(first.url).password);
    expect(await query(second.url, "SELECT answer FROM kept")).toEqual([42]);
  });
});

describe("the PostgreSQL programs", () => {
  it("give advice if they are missing", async () => {
    await expect(findPlatformPackage("plan9", "mips")).rejects.toThrow(/plan9-mips.*DATABASE_URL.*--include=optional/);
  });

  it("get their links and execute bits if no install script ran", async () => {
    const directory = scratch();
    const { program, native } = bareProject(directory);
    const links = JSON.parse(fs.readFileSync(join(native, "pg-symlinks.json"), "utf8")) as { target: string }[];
    expect(links.length).toBeGreaterThan(0);
    const places = links.map(({ target }) => join(dirname(native), target));
    expect(places.filter((place) => fs.existsSync(place))).toEqual([]);
    const alone = owner({ dataDir: join(directory, "data") }, program);
    const answer = await alone.answer;
    expect(answer.error).toBeUndefined();
    expect(answer.log).toEqual([]);
    expect(await query(answer.url, "SELECT 1")).toEqual([1]);
    expect(places.filter((place) => !fs.lstatSync(place).isSymbolicLink() || !fs.existsSync(place))).toEqual([]);
    expect(fs.statSync(join(native, "bin", "postgres")).mode & 0o111).toBe(0o111);
    await alone.end();
  });

  it('require a user "nobody" if root runs them', async () => {
    const passwd = join(scratch(), "passwd");
    fs.writeFileSync(passwd, "root:x:0:0::/root:/bin/sh\n");
    await expect(lookUpNobody(passwd)).rejects.toThrow(/no user "nobody".*DATABASE_URL/);
  });
});

describe.runIf(unprivilegedUser !== null)("the PostgreSQL programs as root", () => {
  it("run as an ordinary user, from a copy if the installed ones are incomplete and not writable", async () => {
    const directory = scratch();
    const { program, native } = bareProject(directory);
    const { uid, gid } = unprivilegedUser ?? { uid: 0, gid: 0 };
    const dataDir = join(directory, "data");
    fs.mkdirSync(dataDir, { mode: 0o700 });
    fs.chownSync(dataDir, uid, gid);
    const ordinary = owner({ dataDir }, program, { uid, gid });
    const answer = await ordinary.answer;
    expect(answer.error).toBeUndefined();
    expect(answer).toMatchObject({ owned: true, dataDir });
    expect(await query(answer.url, "SELECT 1")).toEqual([1]);
    expect(answer.log.join()).toMatch(/^PostgreSQL programs run from .*octogauge-\d+.*incomplete and not writable$/);
    expect(fs.existsSync(join(native, "lib", "libpq.so.5"))).toBe(false);
    expect(fs.statSync(join(dataDir, "embedded.json"))).toMatchObject({ uid, gid });
    await ordinary.end();
  });

  it("are copied, and the data directory is placed elsewhere, if only root may access the path", async () => {
    const directory = scratch(0o700);
    const { program } = bareProject(directory);
    const dataDir = join(directory, "data");
    const first = owner({ dataDir }, program);
    const answer = await first.answer;
    expect(answer.error).toBeUndefined();
    onTestFinished(() => {
      killPostmaster(answer.dataDir);
      fs.rmSync(answer.dataDir, { recursive: true, force: true });
    });
    expect(dirname(answer.dataDir)).toBe("/var/lib/octogauge");
    await query(answer.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    const line = answer.log.find((line) => line.includes(dataDir));
    expect(line).toContain(answer.dataDir);
    const copy = answer.log.join("\n").match(/programs run from (\S+),/)?.[1] ?? "";
    expect(dirname(copy)).toBe("/var/tmp/octogauge");
    expect(copy).toContain(BUILD_MARK);
    const found = fs.statSync(copy);
    expect([found.uid, found.mode & 0o022]).toEqual([0, 0]);
    await first.kill9();

    const second = owner({ dataDir }, program);
    const { url, dataDir: home } = await second.answer;
    expect(home).toBe(answer.dataDir);
    expect(await query(url, "SELECT answer FROM kept")).toEqual([42]);
    await second.end();
  });

  it("are never taken from a copy that another user may have made", async () => {
    const { uid, gid } = unprivilegedUser ?? { uid: 0, gid: 0 };
    const shared = scratch(0o1777);
    const root = join(scratch(), "package");
    fs.mkdirSync(join(root, "native", "bin"), { recursive: true });
    for (const name of ["initdb", "postgres"]) fs.writeFileSync(join(root, "native", "bin", name), "the real one");
    const attempt = (name: string): Promise<string> => copyNativeTree({ root, build: "b" }, () => Promise.resolve(), [join(shared, name)]);

    const plant = (directory: string): void => {
      fs.cpSync(root, join(directory, "b"), { recursive: true });
      fs.writeFileSync(join(directory, "b", "native", "bin", "postgres"), "an evil one!");
    };
    // The planted copy has the same size as the real one. Only its owner differs.
    plant(join(shared, "theirs"));
    fs.chownSync(join(shared, "theirs"), uid, gid);
    plant(join(shared, "open"));
    fs.chmodSync(join(shared, "open"), 0o777);
    plant(join(shared, "target"));
    fs.symlinkSync(join(shared, "target"), join(shared, "link"));
    for (const name of ["theirs", "open", "link"]) await expect(attempt(name)).rejects.toThrow(/belongs to another user/);

    // A planted file inside our own directory is replaced, and so is an incomplete copy.
    fs.mkdirSync(join(shared, "ours"), { mode: 0o755 });
    plant(join(shared, "ours"));
    fs.chownSync(join(shared, "ours", "b"), uid, gid);
    const copy = await attempt("ours");
    const postgres = join(copy, "native", "bin", "postgres");
    expect(fs.readFileSync(postgres, "utf8")).toBe("the real one");
    fs.rmSync(postgres);
    expect(await attempt("ours")).toBe(copy);
    expect(fs.readFileSync(postgres, "utf8")).toBe("the real one");
    expect(fs.readdirSync(dirname(copy))).toEqual([basename(copy)]);
    expect(await attempt("fresh")).toBe(join(shared, "fresh", "b"));
  });
});
