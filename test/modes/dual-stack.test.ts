import { networkInterfaces } from "node:os";
import { expect, it } from "vitest";
import { freshDatabase } from "../support/database.js";
import { deliveryHeaders, startInstance } from "../support/octogauge.js";
import { Replica } from "../support/replica.js";

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));
if (!hasIPv6) console.warn("*** SKIPPED: this machine has no IPv6 (::1), so nothing listens on :: here ***");

const BODY = '{"action":"created"}';
const DUAL = { HOST: "::", MANAGEMENT_HOST: "::" };

async function sends(webhook: string, host: string, forwarded?: string): Promise<number> {
  const url = new URL(webhook);
  url.hostname = host;
  const headers = { ...deliveryHeaders("star", BODY), ...(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }) };
  return (await fetch(url, { method: "POST", headers, body: BODY })).status;
}

it.runIf(hasIPv6)("a process that listens on :: answers on both ports over IPv4 and IPv6", async () => {
  const { webhook, management } = await Replica.start(await freshDatabase(), DUAL);
  for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
    expect([host, await sends(webhook, host)]).toEqual([host, 202]);
    for (const path of ["/health/ready", "/metrics"]) {
      const url = Object.assign(new URL(path, management), { hostname: host });
      expect([host, path, (await fetch(url)).status]).toEqual([host, path, 200]);
    }
  }
});

it.runIf(hasIPv6)("on ::, the URLs reported at the start are reachable", async () => {
  const { webhook, managementUrl } = await startInstance(DUAL);
  expect((await fetch(webhook)).status).toBe(405);
  expect((await fetch(`${managementUrl}/health/live`)).status).toBe(200);
});

it.runIf(hasIPv6)("on ::, IPv4 entries of WEBHOOK_ALLOW and TRUSTED_PROXIES match senders that appear as ::ffff:…", async () => {
  const { webhook } = await startInstance({ ...DUAL, MODE: "gateway", WEBHOOK_ALLOW: "192.30.252.0/22", TRUSTED_PROXIES: "127.0.0.0/8" });
  expect(await sends(webhook, "127.0.0.1")).toBe(403);
  for (const forwarded of ["192.30.252.1", "::ffff:192.30.252.1", "::ffff:c01e:fc01", "[::ffff:192.30.252.1]:4711"])
    expect([forwarded, await sends(webhook, "127.0.0.1", forwarded)]).toEqual([forwarded, 202]);
  expect(await sends(webhook, "127.0.0.1", "::ffff:10.0.0.1")).toBe(403);
  // ::1 is not a proxy in 127.0.0.0/8, so its forwarded address is ignored.
  expect(await sends(webhook, "[::1]", "192.30.252.1")).toBe(403);
});
