import { Logger } from "@nestjs/common";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject, it, onTestFinished } from "vitest";
import { Database } from "../../src/database/database.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { advancingClock } from "../support/advancing-clock.js";
import { captureLog } from "../support/log.js";
import { deliveryHeaders, sign, startInstance, testEnvironment } from "../support/octogauge.js";
import { freePort } from "../support/replica.js";
import { childEnvironment } from "../support/environment.js";

function secretFile(text: string): { path: string; write(text: string): void; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-secret-"));
  const path = join(directory, "secret");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(path, text);
  return { path, write: (next) => writeFileSync(path, next), remove: () => rmSync(path) };
}

it("a webhook secret rotates by its file, and a missing or empty file changes nothing", async () => {
  const file = secretFile("first\n");
  const instance = await startInstance({ GITHUB_WEBHOOK_SECRET: "", GITHUB_WEBHOOK_SECRET_FILE: file.path });
  const status = async (secret: string) => {
    const headers = { ...deliveryHeaders("star", "{}", randomUUID()), "x-hub-signature-256": sign("{}", secret) };
    return (await fetch(instance.webhook, { method: "POST", headers, body: "{}" })).status;
  };
  expect([await status("first"), await status("second")]).toEqual([202, 401]);
  file.write("first,second");
  await expect.poll(() => status("second")).toBe(202);
  expect(await status("first")).toBe(202);
  file.write("second");
  await expect.poll(() => status("first")).toBe(401);
  const clock = advancingClock();
  const log = captureLog();
  const warnings = () => log.lines.filter(({ msg }) => String(msg).includes("the previous value stays in use")).length;
  const uses = ["", ",", " , "].map((useless) => () => file.write(useless));
  for (const [index, spoil] of [...uses, () => file.remove()].entries()) {
    spoil();
    // The file is read again after a second.
    clock.advance(1_001);
    expect(await status("second")).toBe(202);
    expect(warnings()).toBe(index + 1);
  }
});

it("the metrics token rotates by its file", async () => {
  const file = secretFile("first");
  const instance = await startInstance({ METRICS_TOKEN_FILE: file.path });
  const status = async (token: string) =>
    (await fetch(`${instance.managementUrl}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect([await status("first"), await status("second")]).toEqual([200, 401]);
  file.write("second");
  await expect.poll(() => status("second")).toBe(200);
  expect(await status("first")).toBe(401);
});

it("new connections use a rotated database password", async () => {
  const url = new URL(await freshDatabase());
  const role = `rotating_${randomUUID().slice(0, 8)}`;
  await rowsOf(url.href, `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'first'`);
  onTestFinished(() => rowsOf(inject("serverUrl"), `DROP ROLE ${role}`).then(() => undefined));
  [url.username, url.password] = [role, "first"];
  const file = secretFile(url.href);
  const fleet = await stillFleet({ DATABASE_URL: "", DATABASE_URL_FILE: file.path }, url.href);
  const database = fleet.get(Database);
  expect((await database.query("SELECT current_user AS name")).rows).toEqual([{ name: role }]);
  await rowsOf(inject("serverUrl"), `ALTER ROLE ${role} PASSWORD 'second'`);
  await rowsOf(inject("serverUrl"), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);
  await expect.poll(() => database.query("SELECT 1").then(() => "", String)).toContain("password authentication failed");
  url.password = "second";
  file.write(url.href);
  await expect.poll(() => database.query("SELECT 1").then(({ rows }) => rows.length, String)).toBe(1);
});

it("neither the old nor the new value of a rotated secret is in any log line", async () => {
  const [first, second] = [`canary-${randomUUID()}`, `canary-${randomUUID()}`];
  const file = secretFile(first);
  const instance = await startInstance({ METRICS_TOKEN_FILE: file.path });
  const log = captureLog();
  const say = () => {
    for (const secret of [first, second]) new Logger("github").warn(`a caller said ${secret}`);
  };
  const status = async (token: string) =>
    (await fetch(`${instance.managementUrl}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await status(first)).toBe(200);
  say();
  expect(log.text()).not.toContain(first);
  // The new value is not loaded yet.
  expect(log.text()).toContain(second);
  const before = log.text().length;
  file.write(second);
  await expect.poll(() => status(second)).toBe(200);
  say();
  const after = log.text().slice(before);
  expect(after.match(/a caller said \[redacted\]"/g)).toHaveLength(2);
  expect([first, second].filter((secret) => after.includes(secret))).toEqual([]);
});

it("no secret is in a log line or an answer, whatever fails", async () => {
  const canary = `canary-${randomUUID()}`;
  const [port, management, nowhere] = [await freePort(), await freePort(), await freePort()];
  const cli = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));
  let output = "";
  const run = (args: string[], environment: Record<string, string>) => {
    const child = spawn(process.execPath, [cli, ...args], { env: childEnvironment(environment) });
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    child.stderr.on("data", (data: Buffer) => (output += data.toString()));
    return { child, ended: once(child, "exit") };
  };
  const secrets = { GITHUB_WEBHOOK_SECRET: canary, METRICS_TOKEN: canary };
  const unreachable = { ...secrets, DATABASE_URL: `postgres://user:${canary}@127.0.0.1:${nowhere}/none`, DATABASE_CONNECT_TIMEOUT: "0.2" };
  await run(["config", "check"], unreachable).ended;
  await run(["serve"], unreachable).ended;
  await run(["migrate"], unreachable).ended;
  await run(["dead-letters", "list"], unreachable).ended;
  await run(["serve"], { ...unreachable, PORT: "junk", DATABASE_URL: `mysql://user:${canary}@localhost/none` }).ended;
  expect(output).toContain("DATABASE_URL cannot be reached");

  // The password of this server first is the canary, and then is not.
  const url = new URL(await freshDatabase());
  const role = `canary_${randomUUID().slice(0, 8)}`;
  await rowsOf(url.href, `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${canary}'`);
  onTestFinished(() => rowsOf(inject("serverUrl"), `DROP ROLE ${role}`).then(() => undefined));
  [url.username, url.password] = [role, canary];
  const environment = testEnvironment(url.href, {
    ...secrets,
    PORT: String(port),
    MANAGEMENT_PORT: String(management),
    LOG_LEVEL: "trace",
    LOG_DELIVERIES: "on",
    REDIS_URL: `redis://:${canary}@127.0.0.1:1`,
    GITHUB_TOKEN: canary,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${canary}`,
  });
  const serving = run(["serve"], environment);
  const webhook = `http://127.0.0.1:${port}/webhook`;
  await expect
    .poll(() =>
      fetch(webhook).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(405);
  const answers: string[] = [];
  const ask = async (address: string, init?: RequestInit) => {
    const response = await fetch(address, init);
    answers.push(`${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`);
  };
  const signed = (event: string, body: string) => ({
    method: "POST",
    headers: { ...deliveryHeaders(event, body), "x-hub-signature-256": sign(body, canary) },
    body,
  });
  const provoke = async () => {
    await ask(webhook, signed("star", "{}"));
    await ask(webhook, signed("workflow_job", "not JSON"));
    await ask(webhook, { method: "POST", headers: deliveryHeaders("star", "{}"), body: "{}" });
    await ask(`http://127.0.0.1:${management}/metrics`);
    for (const path of ["metrics", "metrics/process", "health", "health/ready", "nothing"])
      await ask(`http://127.0.0.1:${management}/${path}`, { headers: { authorization: `Bearer ${canary}` } });
  };
  await provoke();
  await rowsOf(inject("serverUrl"), `ALTER ROLE ${role} PASSWORD 'another'`);
  await rowsOf(inject("serverUrl"), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);
  await provoke();
  await expect.poll(() => output).toContain("password authentication failed");
  serving.child.kill("SIGTERM");
  await serving.ended;
  expect(answers.map((answer) => answer.slice(0, 3))).toEqual(expect.arrayContaining(["200", "202", "401", "503", "404"]));
  expect(output.length).toBeGreaterThan(500);
  for (const line of ["a delivery was accepted", "a delivery was refused", "a delivery is a dead letter", "a delivery could not be stored"])
    expect(output).toContain(`"msg":"${line}"`);
  expect(output).not.toContain("sha256");
  expect([...answers, output].filter((text) => text.includes(canary))).toEqual([]);
});
