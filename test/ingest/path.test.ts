import { expect, it } from "vitest";
import { post, startInstance } from "../support/octogauge.js";

it("deliveries are accepted only at WEBHOOK_PATH, with or without a slash at its end", async () => {
  const instance = await startInstance({ WEBHOOK_PATH: "/github/hook/", KEEP_ALIVE_TIMEOUT: "10m" });
  expect(new URL(instance.webhook).pathname).toBe("/github/hook");
  for (const end of ["", "/", "/?x=y"]) expect((await post(`${instance.webhook}${end}`, "ping", {})).status).toBe(202);
  for (const path of ["/webhook", "/github/hook//", "/github"])
    expect((await post(new URL(path, instance.webhook).href, "ping", {})).status).toBe(404);
  // A load balancer may keep its connection for a long time.
  expect((await fetch(instance.webhook)).headers.get("keep-alive")).toBe("timeout=600");
});

it("/webhook/ equals /webhook", async () => {
  const instance = await startInstance();
  expect((await post(`${instance.webhook}/`, "ping", {})).status).toBe(202);
});
