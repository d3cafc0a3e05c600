import { Logger } from "@nestjs/common";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type LogFields, logEntry } from "../../src/logging/fields.js";
import { traceFields } from "../../src/logging/trace-fields.js";
import { captureLog, comparable } from "../support/log.js";

/** LogFields that a caller could only pass with a cast. */
const uncheckedFields = (fields: object) => fields as LogFields;

const lineOf = (message: unknown, overrides: Record<string, string> = {}) => {
  const { lines } = captureLog(overrides);
  new Logger("queue").warn(message);
  const { level: _level, room: _room, ...line } = comparable(lines)[0]!;
  return line;
};

describe("fields", () => {
  it("that are unknown keep only their name, nested ones as well", () => {
    const body = Buffer.from("a body");
    expect(
      lineOf(
        logEntry(
          "m",
          uncheckedFields({
            delivery_id: "d",
            body,
            payload: "a body",
            headers: { authorization: "x" },
            outcome: { status: 1, signature: "s", source: { token: "t", event: "e" } },
            event: ["e", { password: "p", bytes: 1n }],
            repository: body,
            source: new Date(0),
            hook: () => 1,
          }),
        ),
      ),
    ).toEqual({
      delivery_id: "d",
      body: "[redacted]",
      payload: "[redacted]",
      headers: "[redacted]",
      outcome: { status: 1, signature: "[redacted]", source: { token: "[redacted]", event: "e" } },
      event: ["e", { password: "[redacted]", bytes: "1" }],
      repository: "[redacted]",
      source: "1970-01-01T00:00:00.000Z",
      hook: "[redacted]",
      msg: "m",
    });
  });

  it("of an object that is logged without a message are redacted too, and circular references end", () => {
    const circle: Record<string, unknown> = { event: "e", secret: "s" };
    circle["outcome"] = circle;
    const { lines } = captureLog();
    new Logger("queue").warn(circle);
    expect(JSON.stringify(lines)).not.toContain('"s"');
    expect(lines[0]).toMatchObject({ event: "e", secret: "[redacted]", outcome: { event: "e", secret: "[redacted]" }, msg: "" });
  });

  it("of an error are its class, message and code, without requests and rows that libraries attach", () => {
    const error = Object.assign(new Error("refused"), {
      name: "DatabaseError",
      code: "23514",
      detail: "Failing row contains (hunter2)",
      request: { headers: { authorization: "hunter2" } },
    });
    expect(lineOf(logEntry("m", { error }))).toEqual({ error: { class: "DatabaseError", message: "refused", code: "23514" }, msg: "m" });
    expect(lineOf(error)["error"]).toEqual({ class: "DatabaseError", message: "refused", code: "23514" });
    expect(lineOf(logEntry("m", { error: new AggregateError([new Error("first"), new Error("second")]) }))["error"]).toEqual({
      class: "Error",
      message: "first",
    });
    expect(lineOf(logEntry("m", { error: "thrown text" }))["error"]).toEqual({ message: "thrown text" });
    expect(lineOf(logEntry("m", { error: undefined }))).toEqual({ msg: "m" });
  });

  it("include the trace", () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    expect(traceFields(traceparent)).toEqual({ trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" });
    for (const none of [undefined, "", `${traceparent}0`, traceparent.replace("00-", "ff-"), `00-${"0".repeat(32)}-b7ad6b7169203331-01`])
      expect(traceFields(none)).toEqual({});
  });
});

describe("secrets", () => {
  const secret = () => `s+/${randomUUID()}`;
  const encoded = (text: string) => encodeURIComponent(text);

  it("from the configuration are in no line, neither alone nor inside an address", () => {
    const [webhook, older, token, metrics, database, natsUser, natsToken, redis, header, collector, query] = Array.from(
      { length: 11 },
      secret,
    );
    const all = [webhook, older, token, metrics, database, natsUser, natsToken, redis, header, collector, query] as string[];
    const config = {
      GITHUB_WEBHOOK_SECRET: `${webhook},${older}`,
      METRICS_TOKEN: metrics!,
      DATABASE_URL: `postgres://octo:${encoded(database!)}@db/octo?sslpassword=${encoded(query!)}`,
      NATS_URL: `nats://u:${encoded(natsUser!)}@n1,tls://${encoded(natsToken!)}@n2`,
      REDIS_URL: `redis://:${encoded(redis!)}@r`,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${encoded(header!)},x-scope=team`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://u:${encoded(collector!)}@otel`,
    };
    const { lines, text } = captureLog({ ...config, GITHUB_TOKEN: token!, LOG_LEVEL: "debug" });
    const loggers = new Logger("queue");
    for (const one of all)
      for (const form of [
        one,
        encoded(one),
        `postgres://x:${encoded(one)}@h/d`,
        `{"a":${JSON.stringify(one)}}`,
        `${"x".repeat(3_970)}${one}`,
      ]) {
        loggers.error(`it said ${form} indeed`);
        loggers.error(logEntry(`it said ${form}`, uncheckedFields({ source: form, [form]: 1, error: new Error(`it said ${form}`) })), form);
        loggers.error(`it said ${form}`, `Error: ${form}\n at x`);
      }
    expect(lines.length).toBe(all.length * 15);
    const out = text();
    expect(all.filter((one) => out.includes(one) || out.includes(encoded(one)) || out.includes(one.slice(0, 12)))).toEqual([]);
    expect(out).toContain("it said [redacted] indeed");
    expect(out).not.toContain("postgres://octo");
  });

  it("of several lines are in no line, not even in part", () => {
    const key = generateKeyPairSync("rsa", { modulusLength: 1_024 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const { text } = captureLog({ GITHUB_APP_ID: "1", GITHUB_APP_PRIVATE_KEY: key.replaceAll("\n", "\\n") });
    const lines = key.split("\n").filter((line) => line.length > 30 && !line.startsWith("-----"));
    for (const said of [key, ...lines]) new Logger("queue").error(`it said ${said}`);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => text().includes(line.slice(0, 20)))).toEqual([]);
  });

  it("outside the configuration are recognised by their form", () => {
    for (const text of [
      `ghs_${"a1".repeat(18)}`,
      `github_pat_${"a1".repeat(30)}`,
      `sha256=${"0f".repeat(32)}`,
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl",
      "postgres://user:hunter2hunter2@db/x",
      "Authorization: Bearer abcdef0123456789",
    ])
      expect(lineOf(`before ${text} after`)["msg"]).toMatch(/^before (postgres:\/\/|Authorization: Bearer )?\[redacted\](@db\/x)? after$/);
    const harmless = "GET https://api.github.com/repos/acme/api was answered 404: Basic facts; see run 0af7651916cd43dd8448eb211c80319c";
    expect(lineOf(harmless)["msg"]).toBe(harmless);
  });
});

it("a header that names a tenant is not a secret, and a header with credentials is", () => {
  const { lines } = captureLog({ OTEL_EXPORTER_OTLP_HEADERS: "x-scope-orgid=acme,x-api-key=k3yk3y,x-odd=0123456789abcdef" });
  new Logger("queue").warn("of acme/api with k3yk3y and 0123456789abcdef");
  expect(comparable(lines)[0]!["msg"]).toBe("of acme/api with [redacted] and [redacted]");
});
