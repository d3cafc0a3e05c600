import { describe, expect, it } from "vitest";
import { readNetworks } from "../../src/config/networks.js";
import { rowsOf } from "../support/database.js";
import { deliveryHeaders, startInstance } from "../support/octogauge.js";

const BODY = '{"action":"created"}';

async function sends(webhook: string, forwarded?: string): Promise<number> {
  const headers = { ...deliveryHeaders("star", BODY), ...(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }) };
  return (await fetch(webhook, { method: "POST", headers, body: BODY })).status;
}

describe("WEBHOOK_ALLOW", () => {
  it("refuses other addresses with 403, whatever they forward, and stores nothing", async () => {
    const { webhook, databaseUrl } = await startInstance({ MODE: "gateway", WEBHOOK_ALLOW: "192.30.252.0/22, 2606:50c0::/32" });
    expect(await sends(webhook)).toBe(403);
    expect(await sends(webhook, "192.30.252.1")).toBe(403);
    const answer = await fetch(webhook, { method: "POST", headers: deliveryHeaders("star", BODY), body: BODY });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.json()).toMatchObject({ status: 403, detail: expect.stringContaining("WEBHOOK_ALLOW") as string });
    expect(await rowsOf(databaseUrl, "SELECT FROM octogauge.delivery_ledger")).toEqual([]);
  });

  it("accepts its own networks, IPv4 on a dual-stack socket too", async () => {
    const { webhook } = await startInstance({ MODE: "gateway", WEBHOOK_ALLOW: "127.0.0.0/8" });
    expect(await sends(webhook)).toBe(202);
    const dual = await startInstance({ MODE: "gateway", HOST: "::", WEBHOOK_ALLOW: "127.0.0.1" });
    expect(await sends(dual.webhook.replace("localhost", "127.0.0.1"))).toBe(202);
  });

  it("behind trusted proxies, the sender is the last address that is not a trusted proxy", async () => {
    const { webhook } = await startInstance({
      MODE: "gateway",
      WEBHOOK_ALLOW: "192.30.252.0/22,2606:50c0::/32",
      TRUSTED_PROXIES: "127.0.0.1,10.0.0.0/8",
    });
    for (const forwarded of ["192.30.252.1", "6.6.6.6, 192.30.252.1, 10.1.2.3", "192.30.252.1:4711", "[2606:50c0::1]:4711", "2606:50c0::1"])
      expect([forwarded, await sends(webhook, forwarded)]).toEqual([forwarded, 202]);
    for (const forwarded of [undefined, "", "10.1.2.3", "192.30.252.1, 6.6.6.6", "192.30.252.1,unknown", "192.30.252.1, , 10.0.0.1"])
      expect([forwarded, await sends(webhook, forwarded)]).toEqual([forwarded, 403]);
  });
});

it.each([
  ["10.0.0.0/8", "::ffff:10.0.0.1", true],
  ["10.0.0.0/8", "::FFFF:a00:1", true],
  ["10.0.0.0/8", "0:0:0:0:0:ffff:a00:1", true],
  ["10.0.0.0/8", "::ffff:11.0.0.1", false],
  ["10.0.0.0/20", "::ffff:10.0.15.1", true],
  ["10.0.0.0/20", "::ffff:10.0.16.1", false],
  ["10.0.0.1", "::ffff:10.0.0.1", true],
  // An IPv4-compatible address, which is a different address.
  ["10.0.0.1", "::10.0.0.1", false],
  ["::ffff:10.0.0.0/104", "10.0.0.1", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["fe80::/10", "fe80::1%eth0", true],
])("in %s, %s: %s", (networks, address, expected) => {
  expect(readNetworks(networks)?.has(address)).toBe(expected);
});

it.each(["300.0.0.1", "10.0.0.0/33", "::/129", "github.com", "10.0.0.0/8/8", "10.0.0.0/"])("%s is not a network", (value) => {
  expect(readNetworks(value)).toBeUndefined();
});
