import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Actions } from "../../src/github/actions.js";
import { GitHubError } from "../../src/github/failure.js";
import { AuditLoop } from "../../src/reconcile/audit.loop.js";
import {
  audit,
  countdown,
  expectRest,
  HOOK,
  letAuditBeDue,
  captureLogLines,
  missed,
  redeliver,
  addToLedger,
  sample,
  setUpAudit,
  expireLeader,
} from "../support/auditing.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { FakeGitHub } from "../support/fake-github/fake-github.js";
import { stillFleet } from "../support/fleet.js";
import { SECRET, post, startInstance } from "../support/octogauge.js";
import { jobPayload } from "../support/payloads.js";
import { startScripted } from "../support/scripted-github.js";

const SUCCESS = "octogauge_hook_audit_success";
const PAUSE = "octogauge_github_pause_seconds";
const REMAINING = "octogauge_github_rate_limit_remaining";
const TOKEN = 'principal="token"';
const BY_HOOKS = "repo:acme/api:8";

/** Ends the backoff of hooks and deliveries, but not the pauses. */
async function makeAllDue(url: string): Promise<void> {
  await rowsOf(url, "UPDATE octogauge.audited_hooks SET due_at = now()");
  await rowsOf(url, "UPDATE octogauge.missed_deliveries SET due_at = now()");
  await expireLeader(url);
}

const setting = { purpose: "lookup", reserve: 0 };

describe("GitHub's rate limits", () => {
  it.each([403, 429] as const)("all replicas obey retry-after of a %i, for reads and writes", async (status) => {
    const { github, url, replica, lose } = await setUpAudit();
    github.addRepository("acme/api");
    await lose(150);
    const [one, two] = [await replica(), await replica()];
    await one.get(AuditLoop).runOnce();
    github.fail(1, "secondary", { retryAfter: 120, status });
    const expectLeft = countdown(120);
    await expectRest(url, 120, () => audit(one));
    const asked = github.requests.length;
    expect(asked).toBe(2);
    expectLeft(await sample(two, PAUSE, TOKEN));
    expect(await sample(two, SUCCESS)).toBe(0);
    for (const fleet of [one, two]) {
      await makeAllDue(url);
      await audit(fleet);
      await redeliver(fleet);
      const lookup = fleet.get(Actions).defaultBranch({ owner: "acme", repo: "api" }, setting);
      const error = (await lookup.catch((reason: unknown) => reason)) as GitHubError;
      expect(error).toMatchObject({ outcome: "limited" });
      expectLeft(error.waitSeconds);
    }
    expect(github.requests).toHaveLength(asked);
    expect((await missed(url)).size).toBe(100);
    await letAuditBeDue(url);
    await audit(two);
    expect((await missed(url)).size).toBe(150);
    expect([await sample(one, SUCCESS), await sample(one, PAUSE, TOKEN)]).toEqual([1, 0]);
  });

  it("all replicas obey x-ratelimit-reset of an exhausted limit", async () => {
    const { github, url, replica } = await setUpAudit();
    github.setRateLimit("token", { remaining: 0, resetInSeconds: 1_000 });
    const expectLeft = countdown(1_000, 2);
    const [one, two] = [await replica(), await replica()];
    await audit(one);
    expect(github.requests.map(({ status }) => status)).toEqual([403]);
    expect([await sample(two, REMAINING, TOKEN), await sample(two, SUCCESS)]).toEqual([0, 0]);
    expectLeft(await sample(two, PAUSE, TOKEN));
    await makeAllDue(url);
    await audit(two);
    expect(github.requests).toHaveLength(1);
    github.setRateLimit("token", { remaining: 5_000 });
    await letAuditBeDue(url);
    await audit(two);
    expect([await sample(one, REMAINING, TOKEN), await sample(one, SUCCESS)]).toEqual([4_999, 1]);
  });

  it("the reserve of a limit is left to other clients, without sending a request that GitHub would refuse", async () => {
    const { github, url, replica } = await setUpAudit();
    const [one, two] = [await replica(), await replica()];
    await expectRest(
      url,
      1_000,
      async () => {
        github.setRateLimit("token", { limit: 5_000, remaining: 102, resetInSeconds: 1_000 });
        for (const fleet of [one, one, two, two]) {
          await makeAllDue(url);
          await audit(fleet);
        }
      },
      { slack: 2 },
    );
    expect(github.requests.map(({ status }) => status)).toEqual([200, 200]);
    expect(await sample(one, REMAINING, TOKEN)).toBe(100);
  });

  it("a secondary limit without a time pauses for a minute, longer each time, and starts again after a calm period", async () => {
    const url = await freshDatabase();
    const text = '{"message": "You have exceeded a secondary rate limit."}';
    const github = await startScripted(() => ({ status: 403, text }));
    const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: "t", GITHUB_HOOKS: HOOK }, url);
    for (const rest of [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]) {
      await expectRest(url, rest, () => audit(fleet));
      await letAuditBeDue(url);
    }
    await rowsOf(url, "UPDATE octogauge.github_limits SET paused_until = now() - interval '16 minutes'");
    await expectRest(url, 60, () => audit(fleet));
    expect(github.requests).toHaveLength(9);
  });

  it("answers of a GitHub Enterprise Server without rate limit headers are accepted", async () => {
    const url = await freshDatabase();
    const github = await startScripted(() => ({}));
    const fleet = await stillFleet({ GITHUB_API_URL: `${github.url}/api/v3`, GITHUB_TOKEN: "t", GITHUB_HOOKS: HOOK }, url);
    await audit(fleet);
    expect(github.requests.map(({ url }) => url)).toEqual(["/api/v3/orgs/acme/hooks/7/deliveries?per_page=100"]);
    expect([await sample(fleet, SUCCESS), await sample(fleet, REMAINING, TOKEN)]).toEqual([1, undefined]);
  });
});

describe("credentials", () => {
  it("that are revoked pause the fleet and log why; requests resume once they are valid again", async () => {
    const lines = captureLogLines();
    const { github, url, replica, lose } = await setUpAudit();
    const ids = await lose(3);
    const [one, two] = [await replica(), await replica()];
    github.revoke();
    const expectLeft = countdown(300);
    await expectRest(url, 300, async () => {
      await audit(one);
      await makeAllDue(url);
      await audit(two);
    });
    expect(github.requests.map(({ status }) => status)).toEqual([401]);
    expectLeft(await sample(one, PAUSE, TOKEN));
    expect(await sample(one, SUCCESS)).toBe(0);
    expect(lines).toContainEqual(
      expect.stringMatching(/^warn token: GitHub refused a request \(credentials: Bad credentials.*all replicas pause for 300 s$/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^warn the audit of org:acme:7 failed \(1 .*are the credentials wrong, expired or revoked\?$/),
    );
    expect(lines.join("\n")).not.toContain(github.token);
    github.restore();
    await letAuditBeDue(url);
    await audit(two);
    expect(await missed(url)).toEqual(new Set(ids));
    expect(await sample(one, SUCCESS)).toBe(1);
  });

  it("that are wrong do not pause other credentials, and valid ones end the pause", async () => {
    const { github, url, replica } = await setUpAudit();
    const [wrong, alsoWrong, right] = [
      await replica({ GITHUB_TOKEN: "ghp_typo" }),
      await replica({ GITHUB_TOKEN: "ghp_typo" }),
      await replica(),
    ];
    await audit(wrong);
    await makeAllDue(url);
    await audit(alsoWrong);
    expect(github.requests.map(({ status }) => status)).toEqual([401]);
    await makeAllDue(url);
    await audit(right);
    expect(github.requests.map(({ status }) => status)).toEqual([401, 200]);
    expect([await sample(right, PAUSE, TOKEN), await sample(right, SUCCESS)]).toEqual([0, 1]);
  });

  it("rotated in GITHUB_TOKEN_FILE are used without a restart", async () => {
    const { github, url, replica } = await setUpAudit();
    const directory = mkdtempSync(join(tmpdir(), "octogauge-token-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, "token");
    writeFileSync(file, "ghp_old\n");
    const fleet = await replica({ GITHUB_TOKEN: "", GITHUB_TOKEN_FILE: file });
    await audit(fleet);
    expect(github.requests.at(-1)).toMatchObject({ status: 401, principal: "nobody" });
    writeFileSync(file, `${github.token}\n`);
    const works = async () => {
      await letAuditBeDue(url);
      await audit(fleet);
      return sample(fleet, SUCCESS);
    };
    await expect.poll(works, { interval: 200 }).toBe(1);
    expect(github.requests.at(-1)).toMatchObject({ status: 200, principal: "token" });
  });

  it("of an App: its own hook uses the App, hooks of organisations and repositories use the installation", async () => {
    const hooks = ["app", HOOK, BY_HOOKS, "repo:globex/web:9"] as const;
    const { github, url, replica, lose } = await setUpAudit({ hooks });
    for (const hook of hooks) await lose(1, { hooks: [hook] });
    const fleet = await replica(appSettings(github));
    await audit(fleet);
    await redeliver(fleet);
    const principals = new Map(
      github.requests.filter(({ path }) => path.includes("deliveries")).map(({ path, principal }) => [path, principal]),
    );
    const [acme, globex] = [github.installationId("acme"), github.installationId("globex")];
    expect(principals.get("/app/hook/deliveries")).toBe("app");
    expect(principals.get("/orgs/acme/hooks/7/deliveries")).toBe(`installation:${acme}`);
    expect(principals.get("/repos/acme/api/hooks/8/deliveries")).toBe(`installation:${acme}`);
    expect(principals.get("/repos/globex/web/hooks/9/deliveries")).toBe(`installation:${globex}`);
    expect(github.writes).toHaveLength(4);
    expect(new Set(github.requests.map(({ status }) => status))).toEqual(new Set([200, 201, 202]));
    for (const hook of hooks) expect((await missed(url, hook)).size).toBe(1);
    // Each principal has its own limit, and installations and tokens are not requested each time.
    expect(await sample(fleet, REMAINING, `principal="installation:${globex}"`)).toBe(4_998);
    const looked = github.requests.filter(({ path }) => path.endsWith("/installation") || path.endsWith("/access_tokens"));
    expect(looked).toHaveLength(4);
  });

  it("of an App that is not installed give a clear message, and the other hooks continue", async () => {
    const lines = captureLogLines();
    const { github, url, replica, lose } = await setUpAudit({ hooks: [HOOK, "org:globex:9"] });
    await lose(1, { hooks: ["org:globex:9"] });
    github.uninstall("acme");
    const fleet = await replica(appSettings(github));
    await expectRest(url, 300, () => audit(fleet));
    expect(lines).toContainEqual(
      expect.stringMatching(/^warn the audit of org:acme:7 failed.*the App is not installed on acme; install it there/),
    );
    expect([await sample(fleet, SUCCESS), await sample(fleet, SUCCESS, 'hook="org:globex:9"')]).toEqual([0, 1]);
    expect((await missed(url, "org:globex:9")).size).toBe(1);
  });

  it("of an installation whose token was revoked are requested again", async () => {
    const { github, url, replica } = await setUpAudit();
    const fleet = await replica(appSettings(github));
    await audit(fleet);
    // Octokit retries for five seconds with a new token, because it may not be valid everywhere yet.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10_000 });
    onTestFinished(() => void vi.useRealTimers());
    github.expireTokens();
    await letAuditBeDue(url);
    await audit(fleet);
    expect(github.requests.at(-1)?.status).toBe(401);
    await letAuditBeDue(url);
    await audit(fleet);
    expect(github.requests.at(-1)?.status).toBe(200);
    expect(await sample(fleet, SUCCESS)).toBe(1);
  });
});

const appSettings = (github: FakeGitHub) => ({
  GITHUB_TOKEN: "",
  GITHUB_APP_ID: String(github.app.appId),
  GITHUB_APP_PRIVATE_KEY: github.app.privateKey,
});

/** Sets GitHub's timeout to 300 ms instead of 20 s. @returns a function that restores it */
function beImpatient(): () => void {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  const spy = vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => timeout(Math.min(ms, 300)));
  onTestFinished(() => spy.mockRestore());
  return () => spy.mockRestore();
}

describe("a failing GitHub", () => {
  it.each(["server", "hang", "drop", "cut", "garbage"] as const)("makes the backoff of the hook longer each time: %s", async (fault) => {
    const bePatient = beImpatient();
    const lines = captureLogLines();
    const { github, url, replica, lose } = await setUpAudit();
    const ids = await lose(3);
    const fleet = await replica();
    github.fail(1_000, fault);
    for (const [failures, rest] of [300, 600, 1_200, 2_400, 3_600].entries()) {
      await expectRest(url, rest, async () => {
        await audit(fleet);
        await audit(fleet);
      });
      expect(github.requests).toHaveLength(failures + 1);
      await letAuditBeDue(url);
    }
    expect([await sample(fleet, SUCCESS), (await sample(fleet, PAUSE, TOKEN)) ?? 0]).toEqual([0, 0]);
    expect(lines.filter((line) => line.startsWith("warn the audit of org:acme:7 failed"))).toHaveLength(5);
    expect(lines.filter((line) => line.length > 600)).toEqual([]);
    github.heal();
    bePatient();
    await audit(fleet);
    expect(await sample(fleet, SUCCESS)).toBe(1);
    expect(await missed(url)).toEqual(new Set(ids));
  });

  it.each([
    ["a missing content type", { "content-type": "" }],
    ["an invalid content type", { "content-type": "!!" }],
    ["a page of another site", { "content-type": "text/html" }],
    ["an invalid link", { link: '<http://[>; rel="next"' }],
    ["a link without a host", { link: '<?cursor=x>; rel="next"' }],
    ["a link that always leads to the same page", { link: '<https://api.github.com/x?cursor=same>; rel="next"' }],
  ])("that answers with %s does not cause endless requests", async (_what, headers) => {
    captureLogLines();
    const url = await freshDatabase();
    await addToLedger(url, ["00000000-0000-4000-8000-000000000000"], 86_400);
    const github = await startScripted(() => ({ headers: headers as Record<string, string>, text: "[]" }));
    const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: "t", GITHUB_HOOKS: HOOK }, url);
    for (let round = 0; round < 10; round += 1) await fleet.get(AuditLoop).runOnce();
    expect(github.requests.length).toBeLessThan(3);
    expect(await sample(fleet, SUCCESS)).toBe(0);
  });

  it("for one deleted hook gives a log line with a hint, and the other hooks continue", async () => {
    const lines = captureLogLines();
    const { github, url, replica, lose } = await setUpAudit({ hooks: [HOOK, BY_HOOKS] });
    const ids = await lose(150, { hooks: [HOOK, BY_HOOKS] });
    github.deleteHook(HOOK);
    const fleet = await replica();
    await audit(fleet);
    await redeliver(fleet);
    expect(lines.filter((line) => line.startsWith("warn the audit of org:acme:7"))).toEqual([
      expect.stringMatching(
        /was answered 404: Not Found.*; is the hook's id right \(and GITHUB_API_URL\), and may the credentials read its deliveries\?$/,
      ),
    ]);
    expect(await missed(url, BY_HOOKS)).toEqual(new Set(ids));
    expect(github.writes).toHaveLength(150);
    expect([await sample(fleet, SUCCESS), await sample(fleet, SUCCESS, `hook="${BY_HOOKS}"`)]).toEqual([0, 1]);
    expect(github.requests.filter(({ path }) => path.startsWith("/orgs/acme/hooks/7"))).toHaveLength(1);
  });

  it("never blocks the workers: deliveries are still counted, and the shutdown is orderly", async () => {
    const github = await FakeGitHub.start();
    const instance = await startInstance({
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: github.token,
      GITHUB_HOOKS: HOOK,
      AUDIT_INTERVAL: "50ms",
      RECONCILE_AFTER: "50ms",
    });
    // Registered before the instance, because stopping the fake ends the hanging requests.
    onTestFinished(() => github.stop());
    github.addHook(HOOK, { webhookUrl: instance.webhook, secret: SECRET });
    github.fail(1_000, "hang");
    await expect.poll(() => github.requests.length).toBeGreaterThan(0);
    for (let job = 1; job <= 50; job += 1)
      expect((await post(instance.webhook, "workflow_job", jobPayload("queued", { id: job }))).status).toBe(202);
    const queued = async () =>
      (await (await fetch(`${instance.managementUrl}/metrics`)).text()).match(/^github_workflow_jobs_queued_total\{.*\} (\d+)$/m)?.[1];
    await expect.poll(queued).toBe("50");
    expect((await fetch(`${instance.managementUrl}/health/ready`)).status).toBe(200);
  });
});

describe("the credentials", () => {
  it("are not sent to another host, wherever a link leads", async () => {
    const other = await startScripted(() => ({ text: '{"jobs": []}' }));
    const url = await freshDatabase();
    const links = { link: `<${other.url}/next?cursor=abc&page=2>; rel="next"` };
    const github = await startScripted((request) => ({
      headers: request.url?.includes("cursor=") ? {} : links,
      text: request.url?.includes("/jobs") ? '{"jobs": []}' : "[]",
    }));
    const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: "t", GITHUB_HOOKS: HOOK }, url);
    await audit(fleet);
    // Only the cursor of that link is used.
    expect(github.requests.map(({ url }) => url)).toEqual([
      "/orgs/acme/hooks/7/deliveries?per_page=100",
      "/orgs/acme/hooks/7/deliveries?per_page=100&cursor=abc",
    ]);
    const jobs = fleet.get(Actions).jobs({ owner: "acme", repo: "api", runId: 1, runAttempt: 1 }, setting);
    await expect(jobs).rejects.toThrow(GitHubError);
    await expect(jobs).rejects.toMatchObject({ outcome: "invalid", message: `GitHub's link leads to another host: ${other.url}` });
    expect(other.requests).toEqual([]);
    links.link = '<https://[>; rel="next"';
    const broken = fleet.get(Actions).jobs({ owner: "acme", repo: "api", runId: 1, runAttempt: 1 }, setting);
    await expect(broken).rejects.toMatchObject({ outcome: "invalid", message: "GitHub's link leads to another host: https://[" });
    links.link = `<//${new URL(other.url).host}/x>; rel=next`;
    const hidden = fleet.get(Actions).jobs({ owner: "acme", repo: "api", runId: 1, runAttempt: 1 }, setting);
    await expect(hidden).rejects.toMatchObject({ outcome: "invalid", message: `GitHub's link leads to another host: ${other.url}` });
    expect(other.requests).toEqual([]);
  });

  it("follow a relative link to the same host, but not to a port that it appends", async () => {
    const links = { link: "" };
    const github = await startScripted((request) => ({ headers: request.url?.includes("2/x") ? {} : { ...links }, text: '{"jobs": []}' }));
    const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: "t" }, await freshDatabase());
    for (links.link of ["<2/x>; rel=next", '<2/x> ; rel="next"']) {
      await fleet.get(Actions).jobs({ owner: "acme", repo: "api", runId: 1, runAttempt: 1 }, setting);
      expect(github.requests.at(-1)?.url).toBe("/repos/acme/api/actions/runs/1/attempts/1/2/x");
    }
  });

  it("are not sent along a redirect to another host", async () => {
    const other = await startScripted(() => ({}));
    const github = await startScripted(() => ({ status: 302, headers: { location: `${other.url}/elsewhere` }, text: "" }));
    const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: "t", GITHUB_HOOKS: HOOK }, await freshDatabase());
    await audit(fleet);
    expect(github.requests.map(({ authorization }) => authorization)).toEqual(["token t"]);
    expect(other.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});
