import { createSign, generateKeyPairSync } from "node:crypto";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { FaultKind, FaultOptions } from "../support/fake-github/faults.js";
import { FakeGitHub } from "../support/fake-github/fake-github.js";
import { asApp, refusal, withToken } from "./clients.js";
import { LIMIT_MS, until } from "../support/wait.js";

const REPOSITORY = "GET /repos/{owner}/{repo}";
const api = { owner: "acme", repo: "api" };

async function setUp() {
  const github = await FakeGitHub.start();
  github.addRepository("acme/api");
  github.addRepository("globex/api");
  const client = withToken(github);
  const ask = () => client.request(REPOSITORY, api);
  return { github, client, ask };
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

function jwt(privateKey: string, claims: object, alg = "RS256"): string {
  const text = `${encoded({ alg, typ: "JWT" })}.${encoded(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
}

describe("the App", () => {
  test("gets with its key an installation token, which sees only its account", async () => {
    const { github } = await setUp();
    const app = asApp(github);
    expect((await app.octokit.request("GET /app")).data?.id).toBe(github.app.appId);
    const { data: installations } = await app.octokit.request("GET /app/installations");
    expect(installations.map(({ account }) => account && "login" in account && account.login)).toEqual(["acme", "globex"]);
    const { data: acme } = await app.octokit.request("GET /orgs/{org}/installation", { org: "acme" });
    expect(acme.id).toBe(github.installationId("acme"));
    const ofRepository = await app.octokit.request("GET /repos/{owner}/{repo}/installation", api);
    const byId = await app.octokit.request("GET /app/installations/{installation_id}", { installation_id: acme.id });
    expect([ofRepository.data, byId.data]).toEqual([acme, acme]);

    const octokit = await app.getInstallationOctokit(acme.id);
    expect((await octokit.request(REPOSITORY, api)).data.full_name).toBe("acme/api");
    expect(await refusal(octokit.request(REPOSITORY, { owner: "globex", repo: "api" }))).toBe(404);
    expect(await refusal(octokit.request("GET /orgs/{org}/repos", { org: "globex" }))).toBe(404);
    const principals = new Set(github.requests.map(({ principal }) => principal));
    expect([...principals]).toEqual(["app", `installation:${acme.id}`]);
    expect(github.unexpected).toEqual([]);
  });

  test("must sign a current JWT with its own key and id", async () => {
    const { github } = await setUp();
    const now = Math.floor(Date.now() / 1_000);
    const good = { iss: github.app.appId, iat: now - 30, exp: now + 300 };
    const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const { privateKey } = github.app;
    const statusOf = async (authorization: string) => (await fetch(`${github.url}/app`, { headers: { authorization } })).status;
    expect(await statusOf(`Bearer ${jwt(privateKey, good)}`)).toBe(200);
    const bad = {
      "another key": jwt(other, good),
      "another app": jwt(privateKey, { ...good, iss: 1 }),
      expired: jwt(privateKey, { ...good, exp: now - 1 }),
      "valid for too long": jwt(privateKey, { ...good, exp: now + 3_600 }),
      "issued in the future": jwt(privateKey, { ...good, iat: now + 300 }),
      "no algorithm": jwt(privateKey, good, "none"),
      "claims changed": jwt(privateKey, good).replace(/\..*\./, `.${encoded({ ...good, exp: now + 301 })}.`),
      garbage: "a.b.c",
    };
    const statuses = await Promise.all(Object.values(bad).map((token) => statusOf(`Bearer ${token}`)));
    expect(Object.fromEntries(Object.keys(bad).map((name, i) => [name, statuses[i]]))).toEqual(
      Object.fromEntries(Object.keys(bad).map((name) => [name, 401])),
    );
  });

  test("loses an account that uninstalls it, together with its tokens", async () => {
    const { github } = await setUp();
    const app = asApp(github);
    const acme = await app.getInstallationOctokit(github.installationId("acme"));
    const globex = await app.getInstallationOctokit(github.installationId("globex"));
    const ofGlobex = () => globex.request(REPOSITORY, { owner: "globex", repo: "api" });
    const { token } = (await acme.auth({ type: "installation" })) as { token: string };
    expect((await withToken(github, token).request(REPOSITORY, api)).status).toBe(200);
    expect((await ofGlobex()).status).toBe(200);
    github.uninstall("acme");
    expect(await refusal(app.octokit.request("GET /orgs/{org}/installation", { org: "acme" }))).toBe(404);
    expect((await app.octokit.request("GET /app/installations")).data).toHaveLength(1);
    expect(await refusal(withToken(github, token).request(REPOSITORY, api))).toBe(401);
    expect((await ofGlobex()).status).toBe(200);
  });
});

describe("credentials", () => {
  test("are required on every route, each kind where it belongs", async () => {
    const { github, client, ask } = await setUp();
    expect((await ask()).status).toBe(200);
    expect(await refusal(withToken(github, "ghp_wrong").request(REPOSITORY, api))).toBe(401);
    expect((await fetch(`${github.url}/repos/acme/api`)).status).toBe(401);
    expect(await refusal(client.request("GET /app"))).toBe(401);
    expect(await refusal(client.request("GET /installation/repositories"))).toBe(403);
    const { token } = (await asApp(github).octokit.auth({ type: "app" })) as { token: string };
    expect(await refusal(withToken(github, token).request(REPOSITORY, api))).toBe(401);
  });

  test("are rejected while revoked, and expired tokens forever", async () => {
    const { github, ask } = await setUp();
    const app = asApp(github);
    const { token } = (await app.octokit.auth({ type: "installation", installationId: github.installationId("acme") })) as {
      token: string;
    };
    const asInstallation = () => withToken(github, token).request(REPOSITORY, api);
    expect((await asInstallation()).status).toBe(200);
    github.revoke();
    expect(await refusal(ask())).toBe(401);
    expect(await refusal(asInstallation())).toBe(401);
    expect(await refusal(app.octokit.request("GET /app"))).toBe(401);
    github.restore();
    expect([(await ask()).status, (await asInstallation()).status]).toEqual([200, 200]);
    github.expireTokens();
    expect(await refusal(asInstallation())).toBe(401);
  });

  test("of an installation are valid for an hour", async () => {
    const { github } = await setUp();
    const installationId = github.installationId("acme");
    const before = Date.now();
    const { token } = (await asApp(github).octokit.auth({ type: "installation", installationId })) as { token: string };
    const ask = () => withToken(github, token).request(REPOSITORY, api);
    const after = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: before + 3_590_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect((await ask()).status).toBe(200);
    vi.setSystemTime(after + 3_610_000);
    expect(await refusal(ask())).toBe(401);
  });
});

describe("the rate limit", () => {
  test("counts answers per principal, except 304", async () => {
    const { github, client, ask } = await setUp();
    const { headers } = await ask();
    expect(headers).toMatchObject({ "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-ratelimit-used": "1" });
    const withEtag = client.request(REPOSITORY, { ...api, headers: { "if-none-match": headers.etag } });
    expect(await refusal(withEtag)).toBe(304);
    expect(github.rateLimit("token")).toMatchObject({ remaining: 4_999, used: 1 });
    github.addRepository("acme/api", { archived: true });
    const changed = await client.request(REPOSITORY, { ...api, headers: { "if-none-match": headers.etag } });
    expect([changed.status, changed.data.archived]).toEqual([200, true]);
    expect(github.rateLimit("token").used).toBe(2);
    expect(github.rateLimit("app").used).toBe(0);
  });

  test("refuses requests at 0 until its reset", async () => {
    const { github, ask } = await setUp();
    const inAMinute = () => Math.ceil(Date.now() / 1_000 + 60);
    const least = inAMinute();
    github.setRateLimit("token", { limit: 10, remaining: 1, resetInSeconds: 60 });
    const most = inAMinute() + 1;
    await ask();
    const response = await fetch(`${github.url}/repos/acme/api`, { headers: { authorization: `token ${github.token}` } });
    expect(response.status).toBe(403);
    expect(response.headers.get("x-ratelimit-remaining")).toBe("0");
    const reset = Number(response.headers.get("x-ratelimit-reset"));
    expect(reset).toBeGreaterThanOrEqual(least);
    expect(reset).toBeLessThanOrEqual(most);
    vi.useFakeTimers({ toFake: ["Date"], now: (reset + 1) * 1_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect((await ask()).headers["x-ratelimit-remaining"]).toBe("9");
  });

  test("is in the headers of every answer", async () => {
    const { github } = await setUp();
    github.addHook("org:acme:7", { webhookUrl: "http://127.0.0.1:1", secret: "" });
    const authorization = `token ${github.token}`;
    const paths = ["/repos/acme/api", "/repos/acme/none", "/nowhere", "/app", "/orgs/acme/hooks/7/deliveries?cursor=x"];
    const answers = await Promise.all(paths.map((path) => fetch(github.url + path, { headers: { authorization } })));
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 401, 422]);
    const expected = [
      "date",
      "etag",
      "x-github-request-id",
      ...["limit", "remaining", "used", "reset", "resource"].map((name) => `x-ratelimit-${name}`),
    ];
    for (const { headers } of answers) expect([...headers.keys()]).toEqual(expect.arrayContaining(expected));
  });
});

describe("faults", () => {
  const bytes = async (github: FakeGitHub, path = "/repos/acme/api", signal = AbortSignal.timeout(LIMIT_MS)) => {
    const response = await fetch(github.url + path, {
      headers: { authorization: `token ${github.token}` },
      signal,
    });
    return { status: response.status, retryAfter: response.headers.get("retry-after"), text: await response.text() };
  };

  test.each<[FaultKind, FaultOptions, object]>([
    ["secondary", {}, { status: 403, retryAfter: "1", text: expect.stringContaining("secondary rate limit") }],
    ["secondary", { status: 429, retryAfter: 7 }, { status: 429, retryAfter: "7" }],
    ["server", {}, { status: 502, text: expect.stringContaining("<html>") }],
    ["garbage", {}, { status: 200, text: '[{"id": 1, "guid": "0b98' }],
  ])("%s %j", async (kind, options, expected) => {
    const { github } = await setUp();
    github.fail(2, kind, options);
    expect(await bytes(github)).toMatchObject(expected);
    expect(await bytes(github)).toMatchObject(expected);
    expect((await bytes(github)).text).toContain('"acme/api"');
  });

  test.each<[FaultKind, string]>([
    ["hang", "AbortError"],
    ["drop", "TypeError"],
  ])("%s", async (kind, name) => {
    const { github } = await setUp();
    github.fail(1, kind);
    const aborting = new AbortController();
    const answer = bytes(github, "/repos/acme/api", aborting.signal);
    if (kind === "hang") void until("the request", () => github.requests.length > 0).then(() => aborting.abort());
    await expect(answer).rejects.toMatchObject({ name });
    expect((await bytes(github)).status).toBe(200);
    expect(github.requests.map(({ status }) => status)).toEqual([0, 200]);
  });

  test("affect only matching requests, and can be removed", async () => {
    const { github } = await setUp();
    github.fail(1, "server", { path: /^\/repos\/globex/g });
    github.fail(9, "server", { method: "POST" });
    expect((await bytes(github)).status).toBe(200);
    expect((await bytes(github, "/repos/globex/api")).status).toBe(502);
    expect((await bytes(github, "/repos/globex/api")).status).toBe(200);
    github.fail(9, "server");
    github.heal();
    expect((await bytes(github)).status).toBe(200);
  });

  test("a hanging request does not keep the server from stopping", async () => {
    const github = await FakeGitHub.start({ stop: "explicit" });
    github.fail(1, "hang");
    const hanging = fetch(github.url).then(
      () => "answered",
      () => "broken off",
    );
    await until("the request", () => github.requests.length > 0);
    await github.stop();
    expect(await hanging).toBe("broken off");
  });
});

test("requests are recorded, and requests without a route are recorded separately", async () => {
  const { github, client, ask } = await setUp();
  await ask();
  expect(github.unexpected).toEqual([]);
  await refusal(client.request("GET /repos/acme/api/branches?per_page=5"));
  await refusal(client.request("POST /repos/acme/api"));
  const unexpected = [
    { method: "GET", path: "/repos/acme/api/branches", query: { per_page: "5" }, principal: "token", status: 404 },
    { method: "POST", path: "/repos/acme/api", query: {}, principal: "token", status: 404 },
  ];
  expect(github.unexpected).toEqual(unexpected);
  expect(github.requests).toEqual([{ method: "GET", path: "/repos/acme/api", query: {}, principal: "token", status: 200 }, ...unexpected]);
});

test("the API also answers at the path of GitHub Enterprise Server, and its links stay there", async () => {
  const { github } = await setUp();
  github.addRepository("acme/web");
  const client = withToken(github, github.token, `${github.url}/api/v3`);
  const { data, headers } = await client.request("GET /orgs/{org}/repos", { org: "acme", per_page: 1 });
  expect(data[0]?.url).toBe(`${github.url}/api/v3/repos/acme/api`);
  expect(headers.link).toContain(`<${github.url}/api/v3/orgs/acme/repos?per_page=1&page=2>; rel="next"`);
  expect(github.requests[0]?.path).toBe("/orgs/acme/repos");
});

test("a client without a user agent is rejected", async () => {
  const { github } = await setUp();
  const headers = { authorization: `token ${github.token}`, "user-agent": "" };
  expect((await fetch(`${github.url}/repos/acme/api`, { headers })).status).toBe(403);
});
