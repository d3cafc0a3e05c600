import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { generateHistory } from "../../src/simulator/history.js";
import { DeliveryLog } from "../support/fake-github/delivery-log.js";
import { FakeGitHub } from "../support/fake-github/fake-github.js";
import { replayHistory } from "../support/fake-github/history.js";
import type { HookSpec } from "../support/fake-github/hook.js";
import type { FakeGitHubOptions } from "../support/fake-github/options.js";
import { startReceiver } from "../support/fake-github/receiver.js";
import { SECRET, sign } from "../support/octogauge.js";
import { jobPayload } from "../support/payloads.js";
import { asApp, refusal, withToken } from "./clients.js";

const HOOK = "org:acme:7";
const LIST = "GET /orgs/{org}/hooks/{hook_id}/deliveries";
const REDELIVER = "POST /orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}/attempts";
const acme = { org: "acme", hook_id: 7 };
const DAY = 86_400_000;

const anEvent = (deliveryId: string = randomUUID()) => ({ deliveryId, event: "workflow_job", body: JSON.stringify(jobPayload("queued")) });

async function setUp(options: FakeGitHubOptions = {}, hooks: readonly HookSpec[] = [HOOK]) {
  const receiver = await startReceiver();
  const github = await FakeGitHub.start(options);
  for (const spec of hooks) github.addHook(spec, { webhookUrl: receiver.url, secret: SECRET });
  const client = withToken(github);
  const list = async (parameters: { per_page?: number; cursor?: string } = {}) => client.request(LIST, { ...acme, ...parameters });
  const redeliver = (delivery_id: number) => client.request(REDELIVER, { ...acme, delivery_id });
  return { receiver, github, client, list, redeliver };
}

describe("webhooks of an event", () => {
  test("are signed, have GitHub's headers and one GUID for all hooks, and are logged", async () => {
    const { github, receiver } = await setUp({}, [HOOK, "repo:acme/api:8"]);
    const event = anEvent();
    const before = Date.now();
    await github.happen(event, { hooks: [HOOK, "repo:acme/api:8"] });
    expect(receiver.received.map(({ body }) => body)).toEqual([event.body, event.body]);
    expect(receiver.received.map(({ headers }) => headers["x-github-hook-id"]).sort()).toEqual(["7", "8"]);
    for (const { headers } of receiver.received) {
      expect(headers).toMatchObject({ "x-github-event": "workflow_job", "x-github-delivery": event.deliveryId });
      expect(headers["x-hub-signature-256"]).toBe(sign(event.body));
    }
    const [entry] = github.log(HOOK);
    expect(entry).toMatchObject({ guid: event.deliveryId, status: "OK", status_code: 202, action: "queued", redelivery: false });
    expect(before - Date.parse(entry?.delivered_at ?? "")).toBeGreaterThan(59_000);
    expect(github.log("repo:acme/api:8")).toHaveLength(1);
  });

  test("may be withheld: a failed delivery shows in the log, an unsent one looks delivered", async () => {
    const { github, receiver } = await setUp();
    await github.happen(anEvent(), { hooks: [HOOK], fate: "failed" });
    await github.happen(anEvent(), { hooks: [HOOK], fate: "unsent" });
    expect(receiver.received).toEqual([]);
    expect(github.log(HOOK)).toMatchObject([
      { status: "failed to connect to host", status_code: 502 },
      { status: "OK", status_code: 200 },
    ]);
  });

  test("are logged with the receiver's answer, or with its absence", async () => {
    const { github, receiver } = await setUp({ postTimeoutMs: 500 });
    receiver.status = 503;
    await github.happen(anEvent(), { hooks: [HOOK] });
    receiver.status = 302;
    await github.happen(anEvent(), { hooks: [HOOK] });
    receiver.status = 0;
    await github.happen(anEvent(), { hooks: [HOOK] });
    github.addHook(HOOK, { webhookUrl: "http://127.0.0.1:1/webhook", secret: SECRET });
    await github.happen(anEvent(), { hooks: [HOOK] });
    expect(github.log(HOOK)).toMatchObject([
      { status: "Invalid HTTP Response: 503", status_code: 503 },
      { status: "Invalid HTTP Response: 302", status_code: 302 },
      { status: "timed out", status_code: 504 },
      { status: "failed to connect to host", status_code: 502 },
    ]);
  });

  test("are sent even if the body is not JSON", async () => {
    const { github, receiver, client } = await setUp();
    const [entry] = await github.happen({ ...anEvent(), body: Buffer.from("{") }, { hooks: [HOOK] });
    expect(receiver.received[0]?.body).toBe("{");
    const delivery = { ...acme, delivery_id: entry?.id ?? 0 };
    const { data } = await client.request("GET /orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}", delivery);
    expect(data).toMatchObject({ action: null, request: { payload: null } });
  });
});

describe("the delivery log over REST", () => {
  test("lists newest first, in linked pages without gaps or repeats", async () => {
    const { github, client } = await setUp();
    for (let i = 0; i < 7; i++) await github.happen(anEvent(), { hooks: [HOOK], fate: "unsent" });
    const seen: number[] = [];
    const links: string[] = [];
    let pages = 0;
    for (let url: string | undefined = `${github.url}/orgs/acme/hooks/7/deliveries?per_page=3`; url; pages++) {
      const { data, headers }: { data: { id: number }[]; headers: { link?: string } } = await client.request(`GET ${url}`);
      seen.push(...data.map(({ id }) => id));
      url = /^<([^>]*)>; rel="next"$/.exec(headers.link ?? "")?.[1];
      if (url) links.push(url.replace(/v1_\d+$/, "v1_…"));
    }
    const next = `${github.url}/orgs/acme/hooks/7/deliveries?per_page=3&cursor=v1_…`;
    expect([pages, links]).toEqual([3, [next, next]]);
    expect(seen).toEqual(
      github
        .log(HOOK)
        .map(({ id }) => id)
        .toReversed(),
    );
    expect(seen).toEqual([...seen].sort((a, b) => b - a));
    expect(github.unexpected).toEqual([]);
  });

  test("has the same form for a repository's hook and for the App's hook, which requires the App's key", async () => {
    const { github, client } = await setUp({}, ["repo:acme/api:8", "app"]);
    await github.happen(anEvent(), { hooks: ["repo:acme/api:8", "app"] });
    const repository = await client.request("GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries", {
      owner: "acme",
      repo: "api",
      hook_id: 8,
    });
    expect(repository.data).toEqual(github.log("repo:acme/api:8"));
    const app = await asApp(github).octokit.request("GET /app/hook/deliveries");
    expect(app.data).toEqual(github.log("app"));
    expect(app.data[0]?.installation_id).toBe(github.installationId("acme"));
    expect(repository.data[0]?.installation_id).toBeNull();
    expect(await refusal(client.request("GET /app/hook/deliveries"))).toBe(401);
  });

  test("has at most 100 entries a page, rejects an unknown cursor, and shows single deliveries", async () => {
    const { github, client, list } = await setUp();
    const body = JSON.stringify(jobPayload("queued"));
    for (let i = 0; i < 101; i++) await github.happen({ ...anEvent(), body }, { hooks: [HOOK], fate: "unsent" });
    expect((await list()).data).toHaveLength(30);
    expect((await list({ per_page: 1_000 })).data).toHaveLength(100);
    expect(await refusal(list({ cursor: "v1_5" }))).toBe(422);
    expect(await refusal(list({ cursor: "page2" }))).toBe(422);
    const delivery_id = github.log(HOOK)[0]?.id ?? 0;
    const { data } = await client.request("GET /orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}", { ...acme, delivery_id });
    expect(data).toMatchObject({ id: delivery_id, request: { payload: JSON.parse(body), headers: { "x-github-event": "workflow_job" } } });
  });

  test("lists old entries unless configured otherwise", async () => {
    const seen: number[] = [];
    for (const options of [{}, { listedDays: 3 }]) {
      const { github, list } = await setUp(options);
      await github.happen(anEvent(), { hooks: [HOOK], fate: "failed" });
      await github.happen(anEvent(), { hooks: [HOOK], fate: "failed", deliveredAt: new Date(Date.now() - 4 * DAY) });
      seen.push((await list()).data.length);
    }
    expect(seen).toEqual([2, 1]);
  });

  test("can be filtered by failures", async () => {
    const { github, receiver, client } = await setUp();
    receiver.status = 500;
    await github.happen(anEvent(), { hooks: [HOOK] });
    receiver.status = 202;
    await github.happen(anEvent(), { hooks: [HOOK] });
    const codes = async (status: "success" | "failure") =>
      (await client.request(LIST, { ...acme, status })).data.map(({ status_code }) => status_code);
    expect([await codes("failure"), await codes("success")]).toEqual([[500], [202]]);
  });

  test("is not visible to another organization's installation", async () => {
    const { github } = await setUp();
    const app = asApp(github);
    const asInstallation = async (account: string) =>
      (await app.getInstallationOctokit(github.installationId(account))).request(LIST, acme);
    expect((await asInstallation("acme")).data).toEqual([]);
    expect(await refusal(asInstallation("globex"))).toBe(404);
  });

  test("is deleted with its hook, and so are the hook's deliveries", async () => {
    const { github, receiver, list } = await setUp();
    github.deleteHook(HOOK);
    expect(await github.happen(anEvent(), { hooks: [HOOK] })).toEqual([]);
    expect(receiver.received).toEqual([]);
    expect(await refusal(list())).toBe(404);
    await expect(github.happen(anEvent(), { hooks: ["org:acme:9"] })).rejects.toThrow("org:acme:9");
  });

  test("finds a page among 50,000 entries without reading all of them", async () => {
    const log = new DeliveryLog();
    const { github } = await setUp();
    const [entry] = await github.happen(anEvent(), { hooks: [HOOK], fate: "unsent" });
    let looks = 0;
    for (let id = 1; id <= 50_000; id++) {
      const record = {
        delivery: anEvent("the same"),
        get entry() {
          looks += 1;
          return { ...entry!, id };
        },
      };
      log.append(record);
    }
    const page = log.page(100, 25_000, () => true);
    expect([page?.entries[0]?.id, page?.entries[99]?.id, page?.next]).toEqual([25_000, 24_901, 24_900]);
    expect(looks).toBeLessThan(150);
  });
});

describe("redelivery", () => {
  test("sends the same body with the same GUID to that hook, and appends to its log", async () => {
    const { github, receiver, redeliver } = await setUp({}, [HOOK, "app"]);
    const event = anEvent();
    const [lost] = await github.happen(event, { hooks: [HOOK, "app"], fate: "failed" });
    const before = Date.now();
    const answer = await redeliver(lost?.id ?? 0);
    expect([answer.status, answer.data]).toEqual([202, {}]);
    await github.settled();
    expect(receiver.received).toMatchObject([{ body: event.body, headers: { "x-github-delivery": event.deliveryId } }]);
    const [first, second] = github.log(HOOK);
    expect(second).toMatchObject({ guid: event.deliveryId, redelivery: true, status: "OK", status_code: 202, action: "queued" });
    expect(second?.id).toBeGreaterThan(first?.id ?? 0);
    // GitHub's times are whole seconds.
    expect(Date.parse(second?.delivered_at ?? "")).toBeGreaterThan(before - 1_000);
    expect(first).toMatchObject({ status: "failed to connect to host", redelivery: false });
    expect(github.log("app")).toHaveLength(1);
    expect(github.writes).toHaveLength(1);
  });

  test("fails as often as configured", async () => {
    const { github, receiver, redeliver } = await setUp();
    const [lost] = await github.happen(anEvent(), { hooks: [HOOK], fate: "failed" });
    github.redeliveryFails = 1;
    for (let i = 0; i < 2; i++) {
      await redeliver(lost?.id ?? 0);
      await github.settled();
    }
    expect(github.log(HOOK).map(({ status_code, redelivery }) => [status_code, redelivery])).toEqual([
      [502, false],
      [502, true],
      [202, true],
    ]);
    github.redeliveryFails = true;
    for (let i = 0; i < 2; i++) await redeliver(lost?.id ?? 0);
    await github.settled();
    expect(receiver.received).toHaveLength(1);
  });

  test("is refused after three days, and for deliveries of another hook", async () => {
    const { github, redeliver } = await setUp({}, [HOOK, "app"]);
    const [old] = await github.happen(anEvent(), { hooks: [HOOK], fate: "failed", deliveredAt: new Date(Date.now() - 4 * DAY) });
    expect(await refusal(redeliver(old?.id ?? 0))).toBe(422);
    const [others] = await github.happen(anEvent(), { hooks: ["app"], fate: "failed" });
    expect(await refusal(redeliver(others?.id ?? 0))).toBe(404);
    await github.settled();
    expect(github.log(HOOK)).toHaveLength(1);
  });

  test("has the date that the test configured", async () => {
    const at = new Date(Date.now() - 90_000);
    const { github, redeliver } = await setUp({ redeliveredAt: () => at });
    const [lost] = await github.happen(anEvent(), { hooks: [HOOK], fate: "failed" });
    await redeliver(lost?.id ?? 0);
    await github.settled();
    expect(github.log(HOOK)[1]?.delivered_at).toBe(at.toISOString());
  });
});

test("a simulated history is replayed with its losses: a GUID and its copies are lost or delivered together", async () => {
  const { github, receiver } = await setUp();
  receiver.delayMs = 3;
  const history = [...generateHistory({ deliveries: 300, duplicateRate: 0.2 })];
  const ids = history.map(({ deliveryId }) => deliveryId);
  const fates = ["failed", "unsent", "deliver", "deliver", "deliver"] as const;
  const { total, lost, lostIds } = await replayHistory(github, history, {
    hooks: [HOOK],
    fateOf: (_, index) => fates[index % 5] ?? "deliver",
    deliveredAt: ({ deliveryId }) => new Date(Date.UTC(2026, 10, 1) + ids.indexOf(deliveryId)),
    concurrency: 4,
  });
  expect([total, lost]).toEqual([300, lostIds.size]);
  expect(lost).toBeGreaterThan(50);
  const posted = receiver.received.map(({ headers }) => String(headers["x-github-delivery"]));
  expect(posted.sort()).toEqual(ids.filter((id) => !lostIds.has(id)).sort());
  expect(receiver.peak).toBe(4);
  const log = github.log(HOOK);
  expect(log.map(({ guid }) => guid).sort()).toEqual(ids.toSorted());
  expect(log.filter(({ redelivery }) => redelivery)).toHaveLength(300 - new Set(ids).size);
  expect(new Set(log.map(({ status }) => status))).toEqual(new Set(["OK", "failed to connect to host"]));
  expect(log.map(({ delivered_at }) => Date.parse(delivered_at) - Date.UTC(2026, 10, 1))).toEqual(log.map(({ guid }) => ids.indexOf(guid)));
});
