import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { deliveryHeaders, sign, SECRET, startInstance } from "../support/octogauge.js";

const OTHER_SECRET = "another secret of the tests";
const bodyOf = (owner: string) =>
  JSON.stringify({ action: "created", repository: { full_name: `${owner}/widgets`, owner: { login: owner } } });

it("INGEST_RATE_LIMIT uses signed data only: a request replayed under other hook, event and delivery ids uses its own tokens", async () => {
  const { webhook } = await startInstance({
    MODE: "gateway",
    INGEST_RATE_LIMIT: "1",
    GITHUB_WEBHOOK_SECRET: `${SECRET},${OTHER_SECRET}`,
  });
  const send = async (body: string, hook: number, secret = SECRET, event = "star") => {
    const headers = {
      ...deliveryHeaders(event, body, randomUUID()),
      "x-github-hook-id": String(hook),
      "x-hub-signature-256": sign(body, secret),
    };
    return (await fetch(webhook, { method: "POST", headers, body })).status;
  };
  const captured = bodyOf("mallory");
  const replays = await Promise.all(Array.from({ length: 60 }, (_, hook) => send(captured, hook, SECRET, hook % 2 ? "star" : "fork")));
  expect(replays.filter((status) => status === 202).length).toBeGreaterThanOrEqual(10);
  expect(replays).toContain(429);
  // Neither another owner with the same hook nor the same owner with another secret is limited.
  expect(await send(bodyOf("acme"), 1)).toBe(202);
  expect(await send(captured, 1, OTHER_SECRET)).toBe(202);
});
