import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../support/database.js";
import { deliveryHeaders, sign, startInstance, type TestInstance } from "../support/octogauge.js";
import { storedPayloads } from "../support/stored-payloads.js";
import { LIMIT_MS } from "../support/wait.js";

const run = promisify(execFile);
const BODY = '{"zen":"Keep it logically awesome."}';

interface Transcript {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Record<string, unknown>;
}

/** The answer that curl received, from a command line that a reader could type. */
async function curl(url: string, headers: Record<string, string>, ...more: string[]): Promise<Transcript> {
  const named = Object.entries(headers).flatMap(([name, value]) => ["-H", value === "" ? `${name};` : `${name}: ${value}`]);
  const { stdout } = await run("curl", ["-sS", "-i", "--max-time", "20", "-H", "Expect:", ...named, ...more, url], { maxBuffer: 1 << 20 });
  const [head = "", ...rest] = stdout.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const pairs = lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]);
  return {
    status: Number(statusLine.split(" ")[1]),
    headers: Object.fromEntries(pairs) as Record<string, string>,
    body: JSON.parse(rest.join("")) as Record<string, unknown>,
  };
}

const stored = async (instance: TestInstance) => rowsOf(instance.databaseUrl, "SELECT delivery_id FROM octogauge.delivery_ledger");

const without = (headers: Record<string, string>, name: string) =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));

// A gateway leaves rows in the inbox, where the tests can read them.
const gateway = (overrides: Record<string, string> = {}) => startInstance({ MODE: "gateway", ...overrides });

function expectProblem(transcript: Transcript, status: number, detail: RegExp): void {
  expect(transcript.status).toBe(status);
  expect(transcript.headers["content-type"]).toBe("application/problem+json");
  expect(transcript.body).toMatchObject({ type: "about:blank", status, detail: expect.stringMatching(detail) });
}

describe("POST /webhook", () => {
  it("202 accepted after the commit, 202 duplicate for the same id", async () => {
    const instance = await gateway();
    const headers = deliveryHeaders("star", BODY);
    const first = await curl(instance.webhook, headers, "--data-binary", BODY);
    expect([first.status, first.body]).toEqual([202, { status: "accepted" }]);
    const rows = await rowsOf(instance.databaseUrl, "SELECT event, hook_id, form, projection FROM octogauge.inbox");
    expect(rows).toEqual([{ event: "star", hook_id: "1", form: false, projection: "{}" }]);
    expect([...(await storedPayloads(instance.databaseUrl, "inbox")).values()].map(String)).toEqual([BODY]);
    const second = await curl(instance.webhook, headers, "--data-binary", BODY);
    expect([second.status, second.body]).toEqual([202, { status: "duplicate" }]);
    const upper = await curl(
      instance.webhook,
      { ...headers, "x-github-delivery": headers["x-github-delivery"]!.toUpperCase() },
      "--data-binary",
      BODY,
    );
    expect(upper.body).toEqual({ status: "duplicate" });
    expect(await rowsOf(instance.databaseUrl, "SELECT FROM octogauge.inbox")).toHaveLength(1);
  });

  it("202 for a ping, stored like any event", async () => {
    const instance = await gateway();
    const answer = await curl(instance.webhook, deliveryHeaders("ping", BODY), "--data-binary", BODY);
    expect([answer.status, answer.body]).toEqual([202, { status: "accepted" }]);
    expect(await rowsOf(instance.databaseUrl, "SELECT event FROM octogauge.inbox")).toEqual([{ event: "ping" }]);
  });

  it("202 for a form, signed over its raw bytes", async () => {
    const instance = await gateway();
    const form = new URLSearchParams({ payload: '{"action":"created"}' }).toString();
    const headers = { ...deliveryHeaders("star", form), "content-type": "application/x-www-form-urlencoded" };
    expect((await curl(instance.webhook, headers, "--data-binary", form)).status).toBe(202);
    expect(await rowsOf(instance.databaseUrl, "SELECT form, projection FROM octogauge.inbox")).toEqual([
      { form: true, projection: '{"action":"created"}' },
    ]);
  });

  it("202 for a signed body that is not JSON, which processing handles", async () => {
    const instance = await gateway();
    const answer = await curl(instance.webhook, deliveryHeaders("workflow_job", "not json"), "--data-binary", "not json");
    expect(answer.status).toBe(202);
    expect(await rowsOf(instance.databaseUrl, "SELECT projection FROM octogauge.inbox")).toEqual([{ projection: null }]);
  });

  it("401 without or with a wrong signature, and nothing is stored", async () => {
    const instance = await gateway();
    const headers = deliveryHeaders("star", BODY);
    const signature = headers["x-hub-signature-256"]!;
    expectProblem(
      await curl(instance.webhook, without(headers, "x-hub-signature-256"), "--data-binary", BODY),
      401,
      /X-Hub-Signature-256 is missing/,
    );
    const wrong = [
      sign(BODY, "another secret"),
      sign("another body"),
      signature.slice(0, -1),
      `${signature}0`,
      signature.replace("sha256", "sha1"),
      `sha256=${"z".repeat(64)}`,
      `sha256=${"0".repeat(64)}`,
      "",
    ];
    for (const value of wrong) {
      const answer = await curl(instance.webhook, { ...headers, "x-hub-signature-256": value }, "--data-binary", BODY);
      expectProblem(answer, 401, /X-Hub-Signature-256 does not match/);
    }
    expect(await stored(instance)).toEqual([]);
  });

  it("accepts every configured secret and counts its uses", async () => {
    const instance = await gateway({ GITHUB_WEBHOOK_SECRET: "old one,new one" });
    for (const secret of ["old one", "new one", "new one"]) {
      const headers = { ...deliveryHeaders("star", BODY), "x-hub-signature-256": sign(BODY, secret) };
      expect((await curl(instance.webhook, headers, "--data-binary", BODY)).status).toBe(202);
    }
    const text = await (await fetch(`${instance.managementUrl}/metrics/process`)).text();
    const uses = (secret: number) =>
      Number(new RegExp(`octogauge_webhook_secret_uses_total\\{secret="${secret}"\\} (\\d+)`).exec(text)?.[1]);
    expect(uses(2)).toBe(2);
    expect(uses(1)).toBeGreaterThanOrEqual(1);
  });

  it("400 for a missing or malformed header, naming it", async () => {
    const instance = await gateway();
    const headers = deliveryHeaders("star", BODY);
    const post = (changed: Record<string, string>) => curl(instance.webhook, changed, "--data-binary", BODY);
    expectProblem(await post(without(headers, "x-github-delivery")), 400, /X-GitHub-Delivery is missing/);
    expectProblem(await post({ ...headers, "x-github-delivery": "42" }), 400, /X-GitHub-Delivery is malformed/);
    expectProblem(
      await post({ ...headers, "x-github-delivery": `${randomUUID()}, ${randomUUID()}` }),
      400,
      /X-GitHub-Delivery is malformed/,
    );
    expectProblem(await post(without(headers, "x-github-event")), 400, /X-GitHub-Event is missing/);
    expectProblem(await post({ ...headers, "x-github-event": 'star"} 1' }), 400, /X-GitHub-Event is malformed/);
    expect(await stored(instance)).toEqual([]);
  });

  it("415 for other content types and for any encoding except identity", async () => {
    const instance = await gateway();
    const headers = deliveryHeaders("star", BODY);
    const post = (changed: Record<string, string>) => curl(instance.webhook, changed, "--data-binary", BODY);
    expectProblem(await post({ ...headers, "content-type": "text/plain" }), 415, /Content-Type/);
    expectProblem(await post({ ...headers, "content-encoding": "gzip" }), 415, /Content-Encoding/);
    expect((await post({ ...headers, "content-type": "application/json; charset=utf-8", "content-encoding": "identity" })).status).toBe(
      202,
    );
  });

  it("413 over the limit, by declared length or while reading, and the connection is closed", async () => {
    const instance = await gateway({ MAX_BODY_BYTES: "65536" });
    const body = Buffer.alloc(65_537, 0x20);
    const headers = deliveryHeaders("star", body);
    const declared = await overSocket(instance, headers, [`content-length: ${body.length}`, "", ""].join("\r\n"), []);
    expect(declared.text).toMatch(/^HTTP\/1.1 413 /);
    expect(declared.text).toMatch(/connection: close/i);
    // A sender with endless chunks gets the answer while it sends, and is disconnected.
    const chunk = Buffer.concat([Buffer.from("8000\r\n"), Buffer.alloc(0x8000, 0x20), Buffer.from("\r\n")]);
    const counted = await overSocket(instance, headers, "transfer-encoding: chunked\r\n\r\n", [chunk, chunk, chunk]);
    expect(counted.text).toMatch(/^HTTP\/1.1 413 /);
    expect(counted.text).toMatch(/"status":413/);
    const fits = Buffer.alloc(65_536, 0x20);
    expect((await fetch(instance.webhook, { method: "POST", headers: deliveryHeaders("star", fits), body: fits })).status).toBe(202);
    expect(await stored(instance)).toHaveLength(1);
  });

  it("accepts 25 MB and refuses one byte more, by default", async () => {
    const instance = await gateway();
    const most = Buffer.alloc(25 * 1_048_576, 0x20);
    expect((await fetch(instance.webhook, { method: "POST", headers: deliveryHeaders("star", most), body: most })).status).toBe(202);
    const more = Buffer.alloc(25 * 1_048_576 + 1, 0x20);
    const answer = await overSocket(instance, deliveryHeaders("star", "x"), `content-length: ${more.length}\r\n\r\n`, []);
    expect(answer.text).toMatch(/^HTTP\/1.1 413 /);
  });

  it("405 with Allow for another method, 404 for another path, and nothing of the management port", async () => {
    const instance = await gateway();
    const get = await curl(instance.webhook, {});
    expectProblem(get, 405, /POST/);
    expect(get.headers["allow"]).toBe("POST");
    const origin = new URL(instance.webhook).origin;
    for (const path of ["/", "/metrics", "/metrics/process", "/health", "/health/ready", "/webhook//", "/webhookx", "//webhook"]) {
      expectProblem(await curl(`${origin}${path}`, {}), 404, /POST \/webhook/);
    }
    expect((await fetch(`${instance.managementUrl}/webhook`, { method: "POST" })).status).toBe(404);
  });

  it("503 with Retry-After at once beyond the budgets of bytes and requests", async () => {
    const instance = await gateway({ MAX_INFLIGHT_BYTES: "65536", MAX_INFLIGHT_REQUESTS: "1" });
    const body = Buffer.alloc(65_537, 0x20);
    const bytes = await curl(instance.webhook, deliveryHeaders("star", body), "--data-binary", body.toString());
    expectProblem(bytes, 503, /too many bytes/);
    expect(bytes.headers["retry-after"]).toBe("5");
    const { hostname, port } = new URL(instance.webhook);
    const slow = connect(Number(port), hostname);
    const head = Object.entries(deliveryHeaders("star", BODY)).map(([name, value]) => `${name}: ${value}\r\n`);
    slow.write(`POST /webhook HTTP/1.1\r\nhost: x\r\n${head.join("")}content-length: 10\r\n\r\n`);
    await expect.poll(async () => (await curl(instance.webhook, deliveryHeaders("star", BODY), "--data-binary", BODY)).status).toBe(503);
    slow.destroy();
    await expect.poll(async () => (await curl(instance.webhook, deliveryHeaders("star", BODY), "--data-binary", BODY)).status).toBe(202);
  });

  it("429 with Retry-After beyond INGEST_RATE_LIMIT, only after a valid signature; never by default", async () => {
    const limited = await gateway({ INGEST_RATE_LIMIT: "1" });
    const send = (instance: TestInstance, hook: string, signature?: string) => {
      const headers = { ...deliveryHeaders("star", BODY), "x-github-hook-id": hook };
      return curl(instance.webhook, signature ? { ...headers, "x-hub-signature-256": signature } : headers, "--data-binary", BODY);
    };
    // A request with an invalid signature uses no tokens.
    for (let count = 0; count < 12; count += 1) expect((await send(limited, "7", sign("something else"))).status).toBe(401);
    const answers = await Promise.all(Array.from({ length: 24 }, () => send(limited, "7")));
    expect(answers.filter(({ status }) => status === 202).length).toBeGreaterThanOrEqual(10);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expectProblem(refused[0]!, 429, /INGEST_RATE_LIMIT/);
    expect(refused[0]!.headers["retry-after"]).toBe("1");
    expect(await stored(limited)).toHaveLength(24 - refused.length);
    const unlimited = await gateway();
    for (let count = 0; count < 30; count += 1) expect((await send(unlimited, "7")).status).toBe(202);
  });

  it("503 within REQUEST_TIMEOUT while the database hangs, and 202 afterwards", async () => {
    const instance = await gateway({ REQUEST_TIMEOUT: "1" });
    const patient = await startInstance({ MODE: "gateway", REQUEST_TIMEOUT: "9" }, instance.databaseUrl);
    const headers = deliveryHeaders("star", BODY);
    const { default: pg } = await import("pg");
    const blocker = new pg.Client({ connectionString: instance.databaseUrl });
    await blocker.connect();
    await blocker.query("BEGIN; LOCK TABLE octogauge.delivery_ledger IN ACCESS EXCLUSIVE MODE");
    let isPatientAnswered = false;
    const later = curl(patient.webhook, deliveryHeaders("star", BODY), "--data-binary", BODY).finally(() => (isPatientAnswered = true));
    const hung = await curl(instance.webhook, headers, "--data-binary", BODY);
    expectProblem(hung, 503, /in time/);
    // It was asked before, and its time-out is nine times as long.
    expect(isPatientAnswered).toBe(false);
    expect(hung.headers["retry-after"]).toBe("5");
    await blocker.end();
    await later;
    expect((await curl(instance.webhook, headers, "--data-binary", BODY)).status).toBe(202);
    expect(await stored(instance)).toHaveLength(2);
  });
});

/** Writes to a raw socket, to show the behaviour towards a sender that ignores the answer. */
function overSocket(
  instance: TestInstance,
  headers: Record<string, string>,
  rest: string,
  chunks: readonly Buffer[],
): Promise<{ text: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(instance.webhook);
    const socket = connect(Number(port), hostname);
    let text = "";
    socket.setTimeout(LIMIT_MS, () => reject(new Error(`the connection was left open; so far: ${text}`)));
    socket.on("data", (data) => (text += data.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      socket.setTimeout(0);
      resolve({ text });
    });
    const named = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`POST /webhook HTTP/1.1\r\nhost: ${hostname}\r\n${named.join("")}${rest}`);
    for (const chunk of chunks) socket.write(chunk);
  });
}
