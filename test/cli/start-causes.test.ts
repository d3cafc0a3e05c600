import { createServer } from "node:net";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createSecureContext, TLSSocket } from "node:tls";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { explained } from "../../src/cli/explained.js";
import { startService } from "../../src/cli/serve.js";
import { loadConfig } from "../../src/config/config.js";
import { StageError } from "../../src/stage.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { testEnvironment } from "../support/octogauge.js";

let [url, taken, role] = ["", 0, `role_${randomBytes(6).toString("hex")}`];
const directory = mkdtempSync(join(tmpdir(), "octogauge-causes-"));
const blocker = createServer();

beforeAll(async () => {
  url = await freshDatabase({ migrated: false });
  await rowsOf(inject("serverUrl"), `CREATE ROLE ${role} LOGIN PASSWORD 'right-password'`);
  await rowsOf(inject("serverUrl"), `CREATE ROLE ${role}_ro LOGIN PASSWORD 'right-password'`);
  await rowsOf(inject("serverUrl"), `ALTER ROLE ${role}_ro SET default_transaction_read_only = on`);
  await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  taken = (blocker.address() as { port: number }).port;
  writeFileSync(join(directory, "file"), "");
});
afterAll(() => {
  blocker.close();
  rmSync(directory, { recursive: true });
});

const as = (user: string, password = "right-password") => Object.assign(new URL(url), { username: user, password }).href;

/** For failures that are retried until the timeout. */
const UNREACHABLE = { DATABASE_CONNECT_TIMEOUT: "0.2" };
/** The same, for failures that need an answer of the server within this time. */
const REFUSED = { DATABASE_CONNECT_TIMEOUT: "2" };

async function failure(overrides: Record<string, string>): Promise<string> {
  const environment = testEnvironment(url, { DATABASE_CONNECT_TIMEOUT: "10", ...overrides });
  const service = startService(loadConfig(environment));
  return service.then(
    async (started) => (await started.stop(), "started"),
    (error: unknown) => (error as Error).message.replace(/^The configuration has 1 problem:\n {2}- /, ""),
  );
}

/** A server with this certificate that only does TLS handshakes. */
async function tlsServer(subjectAltName: string, { expired = false } = {}): Promise<{ port: number; ca: string }> {
  const [cert, key] = ["cert", "key"].map((name) => join(directory, `${name}-${randomBytes(4).toString("hex")}.pem`)) as [string, string];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", subjectAltName];
  const made = [...request, "-keyout", key, "-out", cert];
  const { status } = expired ? spawnSync("faketime", ["2020-01-01", "openssl", ...made]) : spawnSync("openssl", made);
  if (status !== 0) throw new Error("openssl made no certificate");
  const context = createSecureContext({ key: readFileSync(key), cert: readFileSync(cert) });
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("S");
      new TLSSocket(socket, { isServer: true, secureContext: context }).on("error", () => undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, ca: cert };
}

const has = (program: string): boolean => spawnSync(program, [program === "openssl" ? "version" : "--version"]).status === 0;
const hasOpenssl = has("openssl");
if (!hasOpenssl || !has("faketime")) console.warn("*** SKIPPED: tests of TLS certificates need openssl and faketime ***");

describe.runIf(hasOpenssl)("an invalid certificate of the database is reported with advice", () => {
  it("self-signed", async () => {
    const { port } = await tlsServer("subjectAltName=IP:127.0.0.1");
    expect(await failure({ DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${port}/d?sslmode=verify-full` })).toMatch(
      /^DATABASE_URL requires a verified certificate, but that of 127\.0\.0\.1:\d+ cannot be verified \(self-signed certificate\); allowed: sslrootcert=/,
    );
  });

  it("for another host", async () => {
    const { port, ca } = await tlsServer("subjectAltName=DNS:db.internal");
    const url = `postgres://u:hunter2@127.0.0.1:${port}/d?sslmode=verify-full&sslrootcert=${ca}`;
    expect(await failure({ DATABASE_URL: url })).toMatch(
      /^DATABASE_URL has sslmode=verify-full, but the certificate of 127\.0\.0\.1:\d+ is for another name \(.*altnames.*\); allowed: the name in the certificate/,
    );
  });

  it.runIf(has("faketime"))("expired", async () => {
    const { port, ca } = await tlsServer("subjectAltName=IP:127.0.0.1", { expired: true });
    const url = `postgres://u:hunter2@127.0.0.1:${port}/d?sslmode=verify-full&sslrootcert=${ca}`;
    expect(await failure({ DATABASE_URL: url })).toMatch(
      /^DATABASE_URL requires a valid certificate, but that of 127\.0\.0\.1:\d+ is not valid now \(certificate has expired\); allowed: a renewed certificate/,
    );
  });
});

// The tests may run as root, which may open every port.
it.each([
  ["public listener", /^ {2}- PORT is "80", which this user may not open; allowed: a port from 1024/m],
  ["management listener", /^ {2}- MANAGEMENT_PORT is "81", which this user may not open; allowed: a port from 1024/m],
] as const)("a port below 1024 for an ordinary user, at the %s", (stage, expected) => {
  const config = loadConfig(testEnvironment(url, { PORT: "80", MANAGEMENT_PORT: "81" }));
  const error = Object.assign(new Error("listen EACCES: permission denied 0.0.0.0:80"), { code: "EACCES", syscall: "listen", port: 80 });
  expect((explained(new StageError(stage, error), config) as Error).message).toMatch(expected);
});

describe("a failed start names the variable, its value without secrets, and what to do", () => {
  it.each<[string, () => Record<string, string>, RegExp]>([
    [
      "a missing CA file",
      () => ({ DATABASE_URL: `${url}?sslmode=verify-full&sslrootcert=/no/ca.pem` }),
      /^DATABASE_URL has sslrootcert=\/no\/ca.pem cannot be read \(ENOENT\); allowed: a file/,
    ],
    [
      "a CA file that is a directory",
      () => ({ DATABASE_URL: `${url}?sslmode=verify-full&sslrootcert=${directory}` }),
      /^DATABASE_URL has sslrootcert=\/.* cannot be read \(EISDIR\); allowed: a file/,
    ],
    [
      "TLS with a server that has none",
      () => ({ ...REFUSED, DATABASE_URL: `${url}?sslmode=require` }),
      /^DATABASE_URL requires TLS, which 127\.0\.0\.1:\d+ does not support; allowed: sslmode=prefer/,
    ],
    [
      "a missing socket",
      () => ({ ...UNREACHABLE, DATABASE_URL: "postgres://u@/db?host=/no/such" }),
      /^DATABASE_URL points to the socket \/no\/such\/\.s\.PGSQL\.5432, which cannot be opened \(ENOENT\)/,
    ],
    [
      "a host name that does not resolve",
      () => ({ ...UNREACHABLE, DATABASE_URL: "postgres://u@no-such-host.invalid/db" }),
      /^DATABASE_URL cannot be reached: no-such-host\.invalid:5432 does not resolve/,
    ],
    [
      "a port without a listener",
      () => ({ ...UNREACHABLE, DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/db" }),
      /^DATABASE_URL cannot be reached at 127\.0\.0\.1:1 \(.*ECONNREFUSED/,
    ],
    [
      "a wrong password",
      () => ({ ...REFUSED, DATABASE_URL: as(role, "wrong-password") }),
      /^DATABASE_URL contains the user "role_\w+", but the server at .* refuses it/,
    ],
    [
      "a missing database",
      () => ({ ...REFUSED, DATABASE_URL: Object.assign(new URL(as(role)), { pathname: "/no_such" }).href }),
      /^DATABASE_URL contains a database that does not exist at /,
    ],
    [
      "a role that may not create the schema",
      () => ({ DATABASE_URL: as(role) }),
      /^DATABASE_URL contains the user "role_\w+", which lacks a required privilege \(permission denied for database/,
    ],
    [
      "a role that may only read",
      () => ({ DATABASE_URL: as(`${role}_ro`) }),
      /^DATABASE_URL points to a database that accepts no writes \(cannot execute CREATE SCHEMA in a read-only transaction\); allowed: the primary/,
    ],
    [
      "an address of another machine",
      () => ({ HOST: "192.0.2.1" }),
      /^HOST is "192\.0\.2\.1", which is not an address of this machine \(EADDRNOTAVAIL\)/,
    ],
    [
      "a management address of another machine",
      () => ({ MANAGEMENT_HOST: "192.0.2.1" }),
      /^MANAGEMENT_HOST is "192\.0\.2\.1", which is not an address of this machine/,
    ],
    ["a port that is in use", () => ({ PORT: String(taken) }), /^PORT is "\d+", which another process uses/],
    [
      "a management port that is in use",
      () => ({ MANAGEMENT_PORT: String(taken) }),
      /^MANAGEMENT_PORT is "\d+", which another process uses/,
    ],
    [
      "a directory that cannot be created",
      () => ({ DATABASE_URL: "", DATA_DIR: join(directory, "file", "x") }),
      /^DATA_DIR is ".*file\/x", where the embedded PostgreSQL cannot store its data \(ENOTDIR\)/,
    ],
  ])("%s", async (_, overrides, expected) => {
    const output = await failure(overrides());
    expect(output).toMatch(expected);
    expect(output).not.toMatch(/hunter2|wrong-password|right-password/);
  });
});
