import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { configLines } from "../../src/cli/config-check.js";
import { ConfigError, loadConfig } from "../../src/config/config.js";
import { readHooks } from "../../src/config/hooks.js";
import { readPrivateKey } from "../../src/config/private-key.js";

const KEY = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (type: "pkcs1" | "pkcs8"): string => KEY.privateKey.export({ type, format: "pem" }).toString();
const COMPLETE = { DATABASE_URL: "postgres://localhost/x", GITHUB_WEBHOOK_SECRET: "s" };

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig({ ...COMPLETE, ...environment });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("GITHUB_HOOKS", () => {
  it("accepts the App's hook and hooks of organisations and repositories", () => {
    expect(readHooks("app, org:acme:7\nrepo:acme/my.api_2-x:123456789012345,")).toEqual([
      { name: "app", path: "/app/hook", scope: { kind: "app" } },
      { name: "org:acme:7", path: "/orgs/acme/hooks/7", scope: { kind: "org", org: "acme" } },
      {
        name: "repo:acme/my.api_2-x:123456789012345",
        path: "/repos/acme/my.api_2-x/hooks/123456789012345",
        scope: { kind: "repo", owner: "acme", repo: "my.api_2-x" },
      },
    ]);
    expect(readHooks("")).toEqual([]);
  });

  it.each([
    "App",
    "org:acme",
    "org:acme:",
    "org:acme:x",
    "org:acme:-7",
    "org:acme:1234567890123456",
    "org:acme/api:7",
    "org:a b:7",
    "org:acme?x:7",
    "repo:acme:7",
    "repo:acme/api/x:7",
    "repo:acme/..%2f:7",
    "org:acme:7,org:acme:7",
    "app app",
  ])("rejects %j", (value) => {
    expect(readHooks(value)).toBeUndefined();
    expect(problemsOf({ GITHUB_HOOKS: value, GITHUB_TOKEN: "t" })).toEqual([expect.stringContaining("repo:<owner>/<name>:<hook id>")]);
  });

  it.each(["org:..:7", "repo:../x:7", "repo:acme/..:7", "repo:./x:7"])("rejects %j, which leaves the hook's API path", (value) => {
    expect(readHooks(value)).toBeUndefined();
  });

  it("requires credentials that may read those delivery logs", () => {
    const app = { GITHUB_APP_ID: "1", GITHUB_APP_PRIVATE_KEY: pem("pkcs1") };
    expect(problemsOf({ GITHUB_HOOKS: "org:acme:7" })).toEqual([expect.stringContaining("no credentials to read the delivery logs")]);
    expect(problemsOf({ GITHUB_HOOKS: "app", GITHUB_TOKEN: "t" })).toEqual([expect.stringContaining("which a GITHUB_TOKEN may not read")]);
    expect(problemsOf({ GITHUB_HOOKS: "app,org:acme:7", ...app })).toEqual([]);
    expect(problemsOf({ GITHUB_HOOKS: "org:acme:7", GITHUB_TOKEN: "t" })).toEqual([]);
  });
});

describe("the App's private key", () => {
  const lines = (text: string) => text.replaceAll("\n", "\\n");

  it.each([
    ["as GitHub provides it", pem("pkcs1")],
    ["in PKCS #8", pem("pkcs8")],
    ["on one line, as in environment files", lines(pem("pkcs1"))],
    ["with Windows line ends", pem("pkcs1").replaceAll("\n", "\r\n")],
    ["in quotes", `"${lines(pem("pkcs1"))}"`],
    ["in single quotes", `'${pem("pkcs1")}'`],
    ["with escaped Windows line ends", pem("pkcs1").replaceAll("\n", "\\r\\n")],
    ["on one line, with spaces instead of line ends", pem("pkcs1").replaceAll("\n", " ")],
    ["in base64", Buffer.from(pem("pkcs1")).toString("base64")],
    ["in base64 on several lines", Buffer.from(pem("pkcs8")).toString("base64").replace(/.{76}/g, "$&\n")],
    ["in base64 of the one-line form", Buffer.from(lines(pem("pkcs1"))).toString("base64")],
  ])("is accepted %s", (_how, text) => {
    expect(createPrivateKey(readPrivateKey(text) ?? "").export({ type: "pkcs8", format: "pem" })).toBe(pem("pkcs8"));
    expect(problemsOf({ GITHUB_APP_ID: "1", GITHUB_APP_PRIVATE_KEY: text })).toEqual([]);
  });

  it.each([
    ["nonsense", "nonsense"],
    ["a public key", KEY.publicKey.export({ type: "spki", format: "pem" }).toString()],
    ["half of a key", pem("pkcs1").slice(0, 800)],
    ["a key that is not RSA", generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString()],
  ])("rejects %s without printing it", (_what, text) => {
    expect(readPrivateKey(text)).toBeUndefined();
    expect(problemsOf({ GITHUB_APP_ID: "1", GITHUB_APP_PRIVATE_KEY: text })).toEqual([
      expect.stringMatching(/^GITHUB_APP_PRIVATE_KEY is \(redacted\); allowed: an RSA private key in PEM/),
    ]);
  });

  it("requires the App's id and excludes a token; neither is printed", () => {
    const key = { GITHUB_APP_PRIVATE_KEY: pem("pkcs1") };
    expect(problemsOf(key)).toEqual([expect.stringContaining("GITHUB_APP_ID is empty")]);
    expect(problemsOf({ GITHUB_APP_ID: "1" })).toEqual([expect.stringContaining("GITHUB_APP_PRIVATE_KEY is empty")]);
    expect(problemsOf({ GITHUB_APP_ID: "1", ...key, GITHUB_TOKEN: "t" })).toEqual([expect.stringContaining("are both set")]);
    expect(problemsOf({ GITHUB_APP_ID: "Iv1.abc", ...key })).toEqual([expect.stringContaining("GITHUB_APP_ID is")]);
    const shown = configLines(loadConfig({ ...COMPLETE, GITHUB_APP_ID: "1", ...key })).join("\n");
    expect(shown).toContain("GITHUB_APP_PRIVATE_KEY=(redacted)");
    expect(shown).not.toContain("PRIVATE KEY-----");
  });
});

it("keeps GitHub's redelivery window within the retention of our ledger", () => {
  const hooks = { GITHUB_HOOKS: "org:acme:1", GITHUB_TOKEN: "t" };
  expect(problemsOf({ ...hooks, AUDIT_WINDOW: "7d" })).toEqual([expect.stringContaining("a day less than DEDUP_RETENTION")]);
  expect(problemsOf({ ...hooks, AUDIT_WINDOW: "7d", DEDUP_RETENTION: "8d" })).toEqual([]);
  // Without hooks, no delivery can be missed.
  expect(problemsOf({ AUDIT_WINDOW: "7d" })).toEqual([]);
});
