import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createDataSource, poolOf } from "../../src/database/data-source.js";
import { freshDatabase } from "../support/database.js";
import { hasPgBouncer, throughPgBouncer } from "../support/pgbouncer.js";
import { freePort } from "../support/replica.js";

/** Connects twice, as the product does. @returns the port that it reached */
async function reaches(url: string): Promise<number> {
  const dataSource = createDataSource({ DATABASE_URL: url, DATABASE_POOL_SIZE: 2, DATABASE_CONNECT_TIMEOUT: 3 }, () => undefined);
  await dataSource.initialize();
  try {
    const clients = [await poolOf(dataSource).connect(), await poolOf(dataSource).connect()];
    for (const client of clients) client.release();
    return (clients[1] as unknown as { port: number }).port;
  } finally {
    await dataSource.destroy();
  }
}

const withHost = (url: string, host: string, query = ""): string => `${url.replace(/@[^/]*/, `@${host}`)}${query}`;

it("of several hosts, the pool uses one that answers, at any position", async () => {
  const url = await freshDatabase();
  const [{ port }, dead] = [new URL(url), await freePort()];
  for (const hosts of [`127.0.0.1:${dead},127.0.0.1:${port}`, `127.0.0.1:${port},127.0.0.1:${dead}`])
    expect(await reaches(withHost(url, hosts))).toBe(Number(port));
  await expect(reaches(withHost(url, `127.0.0.1:${dead},127.0.0.1:${dead}`))).rejects.toThrow(/no host accepts writes: .*ECONNREFUSED/);
});

it("allow and prefer reach a server without TLS in plain text, and require does not", async () => {
  const url = await freshDatabase();
  for (const mode of ["disable", "allow", "prefer"]) expect(await reaches(`${url}?sslmode=${mode}`)).toBeGreaterThan(0);
  await expect(reaches(`${url}?sslmode=require`)).rejects.toThrow(/SSL/);
});

describe.runIf(hasPgBouncer && spawnSync("openssl", ["version"]).status === 0)(
  "a server with TLS, whose certificate is for localhost",
  () => {
    const directory = mkdtempSync(join(tmpdir(), "octogauge-tls-"));
    const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
    // PgBouncer runs as an ordinary user.
    chmodSync(directory, 0o755);
    const request = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "3650",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
    ];
    spawnSync("openssl", [...request, "-keyout", key, "-out", cert]);
    chmodSync(key, 0o644);
    afterAll(() => rmSync(directory, { recursive: true }));

    it.each([
      ["prefer", "localhost", "", undefined],
      ["require", "localhost", "", undefined],
      ["require", "127.0.0.1", `&sslrootcert=${cert}`, undefined],
      ["verify-ca", "127.0.0.1", `&sslrootcert=${cert}`, undefined],
      ["verify-full", "localhost", `&sslrootcert=${cert}`, undefined],
      ["verify-full", "127.0.0.1", `&sslrootcert=${cert}`, /altnames/],
      ["verify-full", "localhost", "", /self-signed/],
      ["verify-full", "localhost", "&sslrootcert=/no/such.pem", /sslrootcert=\/no\/such.pem cannot be read \(ENOENT\)/],
      ["disable", "localhost", "", /SSL|TLS/i],
    ])("sslmode=%s, %s%s", async (mode, host, query, failure) => {
      const settings = `client_tls_sslmode = require\nclient_tls_cert_file = ${cert}\nclient_tls_key_file = ${key}`;
      const { port } = new URL(await throughPgBouncer(await freshDatabase(), 2, settings));
      const url = withHost(await freshDatabase(), `${host}:${port}`, `?sslmode=${mode}${query}`);
      const outcome = await reaches(url).catch((error: unknown) => String(error));
      expect(String(outcome)).toMatch(failure ?? new RegExp(`^${port}$`));
    });
  },
);
