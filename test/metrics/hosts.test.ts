import { request } from "node:http";
import { expect, it } from "vitest";
import { startInstance, type TestInstance } from "../support/octogauge.js";

function ask({ managementUrl }: TestInstance, host: string, path = "/health/live"): Promise<number> {
  const { hostname, port } = new URL(managementUrl);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

it("the management port accepts IP addresses and internal host names, and answers 421 to Internet host names", async () => {
  const instance = await startInstance({ MODE: "gateway" });
  for (const host of [
    "127.0.0.1:8081",
    "[::1]:8081",
    "10.1.2.3",
    "localhost",
    "LOCALHOST:1",
    "octogauge",
    "octogauge.ci.svc",
    "octogauge.ci.svc.cluster.local:8081",
  ])
    expect([host, await ask(instance, host)]).toEqual([host, 200]);
  for (const path of ["/health/live", "/metrics", "/metrics/process", "/"])
    for (const host of ["evil.example.com", "evil.example.com:8081", "127.0.0.1.nip.io", "svc.evil.net", "localhost.evil.net", "a b"])
      expect([host, path, await ask(instance, host, path)]).toEqual([host, path, 421]);
});

it("MANAGEMENT_ALLOWED_HOSTS allows more host names, or all", async () => {
  const named = await startInstance({ MODE: "gateway", MANAGEMENT_ALLOWED_HOSTS: "metrics.example.com, *.corp.example" });
  expect(await ask(named, "Metrics.example.com:443")).toBe(200);
  expect(await ask(named, "octogauge.corp.example")).toBe(200);
  expect(await ask(named, "evil.example.com")).toBe(421);
  const all = await startInstance({ MODE: "gateway", MANAGEMENT_ALLOWED_HOSTS: "*" });
  expect(await ask(all, "evil.example.com")).toBe(200);
});
