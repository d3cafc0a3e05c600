import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asLabel, UnexpectedPayload } from "../../src/inbox/projection/fields.js";
import { parseUpToOwner } from "../../src/inbox/projection/partial-parse.js";
import { project, tryProject } from "../../src/inbox/projection/project.js";
import { projectWorkflowJob } from "../../src/inbox/projection/workflow-events.js";
import { generateHistory } from "../../src/simulator/history.js";

type Json = Record<string, unknown>;

const bytes = (payload: unknown) => Buffer.from(JSON.stringify(payload));
const job = { id: 1, run_id: 2, labels: ["a"], workflow_name: "ci" };
const repository = { id: 3, full_name: "acme/api", owner: { login: "acme" }, default_branch: "main" };

describe("the partial parse", () => {
  it("reads of every real and every simulated job what the whole parse reads, default branch apart", () => {
    const examples = JSON.parse(
      readFileSync(createRequire(import.meta.url).resolve("@octokit/webhooks-examples/api.github.com/index.json"), "utf8"),
    ) as { name: string; examples: Json[] }[];
    const bodies = examples.filter(({ name }) => name === "workflow_job").flatMap((entry) => entry.examples.map(bytes));
    for (const { event, body } of generateHistory({ seed: 3, deliveries: 2_000, pad: true }))
      if (event === "workflow_job") bodies.push(Buffer.from(body));
    let partly = 0;
    for (const body of bodies) {
      const whole = projectWorkflowJob(JSON.parse(body.toString()) as Json);
      partly += parseUpToOwner(body) ? 1 : 0;
      expect(project("workflow_job", false, body)).toEqual({
        ...whole,
        repository: { ...whole.repository, defaultBranch: parseUpToOwner(body) ? "" : whole.repository.defaultBranch },
      });
    }
    expect(bodies.length).toBeGreaterThan(500);
    expect(partly / bodies.length).toBeGreaterThan(0.9);
  });

  it("is not deceived by markers in text or deeper in the payload", () => {
    const text = 'x,"repository":{"full_name":"evil/evil","owner":{';
    expect(project("workflow_job", false, bytes({ action: text, workflow_job: { ...job, name: text }, repository }))).toMatchObject({
      repository: { owner: "acme", repo: "api" },
    });
    const nested = {
      action: "queued",
      workflow_job: { ...job, extra: { a: 1, repository: { full_name: "evil/evil", owner: {} } } },
      repository,
    };
    expect(parseUpToOwner(bytes(nested))).toBeUndefined();
    expect(project("workflow_job", false, bytes(nested))).toMatchObject({
      repository: { owner: "acme", repo: "api", defaultBranch: "main" },
    });
    const ownerDeeper = { action: "queued", workflow_job: job, repository: { id: 1, parent: { a: 1, owner: {} }, full_name: "acme/api" } };
    expect(parseUpToOwner(bytes(ownerDeeper))).toBeUndefined();
    expect(project("workflow_job", false, bytes(ownerDeeper))).toMatchObject({ repository: { owner: "acme", repo: "api" } });
  });

  it("agrees with the whole parse on arbitrary payloads, or declines", () => {
    const anything = fc.dictionary(
      fc.constantFrom("repository", "owner", "workflow_job", "full_name", "action", '","owner":{', "x"),
      fc.jsonValue({ maxDepth: 4 }),
      { maxKeys: 6 },
    );
    fc.assert(
      fc.property(anything, fc.jsonValue(), (payload, more) => {
        const whole = { ...payload, repository: { a: more, ...(payload["repository"] as object | undefined), owner: more } };
        const part = parseUpToOwner(bytes(whole));
        if (!part) return;
        const { repository: partRepository, ...head } = part as Json & { repository: Json };
        const reread = JSON.parse(JSON.stringify(whole)) as Json & { repository: Json };
        for (const [name, value] of Object.entries(head)) expect(value).toEqual(reread[name]);
        for (const [name, value] of Object.entries(partRepository)) expect(value).toEqual(reread.repository[name]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("leaves a truncated body to the dead letters", () => {
    const body = bytes({ action: "queued", workflow_job: job, repository });
    expect(tryProject("workflow_job", false, body.subarray(0, -1))).not.toBeNull();
    for (const cut of [2, 10, 40]) expect(tryProject("workflow_job", false, body.subarray(0, -cut))).toBeNull();
  });
});

describe("what is not as expected", () => {
  it.each([
    ["workflow_job", { action: "queued", workflow_job: null, repository }, /workflow_job is null/],
    ["workflow_job", { workflow_job: { ...job, id: "1" }, repository }, /id is of type string/],
    ["workflow_job", { workflow_job: { ...job, id: 2 ** 53 }, repository }, /id is 9007199254740992, expected a positive whole number/],
    ["workflow_job", { workflow_job: { ...job, run_attempt: 0 }, repository }, /run_attempt is 0/],
    ["workflow_run", { workflow_run: [], repository }, /workflow_run is an array/],
    ["workflow_run", { workflow_run: { id: 1 } }, /repository is missing/],
    ["push", { repository: {} }, /repository has no full_name/],
    ["star", [], /not a JSON object/],
  ])("in %s is said", (event, payload, message) => {
    expect(() => project(event, false, bytes(payload))).toThrow(UnexpectedPayload);
    expect(() => project(event, false, bytes(payload))).toThrow(message);
    expect(tryProject(event, false, bytes(payload))).toBeNull();
  });

  it("in a label is replaced: control characters and halves of surrogate pairs, line feeds excepted", () => {
    expect(asLabel("a\u0000b\td\ne\u007f")).toBe("a\ufffdb\ufffdd\ne\ufffd");
    expect(asLabel("\ud83d\ude00 \ud83d x")).toBe("\ud83d\ude00 \ufffd x");
    expect(asLabel(`${"a".repeat(126)}\ud83d\ude00\ud83d\ude00`)).toBe(`${"a".repeat(126)}\ufffd…`);
    expect(asLabel("\u4e16".repeat(500))).toHaveLength(128);
  });
});
