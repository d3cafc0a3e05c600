import { createHmac, randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { type Running, start } from "../../src/start.js";
import { freshDatabase } from "./database.js";
import { until } from "./wait.js";

export const SECRET = "a secret of the tests";

export interface TestInstance extends Running {
  readonly databaseUrl: string;
  readonly webhook: string;
}

/** Environment of a test instance: free ports, short intervals, no log. */
export function testEnvironment(databaseUrl: string, overrides: Record<string, string> = {}): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    GITHUB_WEBHOOK_SECRET: SECRET,
    HOST: "127.0.0.1",
    MANAGEMENT_HOST: "127.0.0.1",
    PORT: "0",
    MANAGEMENT_PORT: "0",
    POLL_INTERVAL: "0.02",
    LOG_LEVEL: "fatal",
    ...overrides,
  };
}

/** Starts an instance in this process, on a new database by default. It stops at the end of the test. */
export async function startInstance(overrides: Record<string, string> = {}, databaseUrl?: string): Promise<TestInstance> {
  const url = databaseUrl ?? (await freshDatabase());
  const running = await start(loadConfig(testEnvironment(url, overrides)));
  onTestFinished(() => running.stop());
  return { ...running, databaseUrl: url, webhook: running.webhookUrl ?? "" };
}

export const sign = (body: string | Buffer, secret = SECRET): string => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

export function deliveryHeaders(event: string, body: string | Buffer, id: string = randomUUID()): Record<string, string> {
  return {
    "content-type": "application/json",
    "x-github-event": event,
    "x-github-delivery": id,
    "x-github-hook-id": "1",
    "x-hub-signature-256": sign(body),
  };
}

/** Posts a signed delivery. */
export async function post(webhook: string, event: string, payload: unknown, id?: string): Promise<Response> {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  return fetch(webhook, { method: "POST", headers: deliveryHeaders(event, body, id), body });
}

/** The sample lines of `/metrics` whose name starts with `prefix`. */
export async function samples(instance: Running, prefix = "github_"): Promise<string[]> {
  const text = await (await fetch(`${instance.managementUrl}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(prefix));
}

/** Polls until the inbox is empty. */
export const drained = ({ databaseUrl }: Pick<TestInstance, "databaseUrl">, isEmpty: () => Promise<boolean>): Promise<void> =>
  until(`an empty inbox of ${databaseUrl}`, isEmpty);
