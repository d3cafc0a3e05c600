import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asLabel, UnexpectedPayload } from "../../src/events/fields.js";
import { projectionOf } from "../../src/events/project.js";
import { JsonProjector } from "../../src/events/json-projector.js";
import { readBody, readProjection } from "../../src/events/read.js";
import type { Selection } from "../../src/events/event-type.js";
import { generateHistory } from "../../src/simulator/history.js";

type Json = Record<string, unknown>;

const bytes = (payload: unknown) => Buffer.from(JSON.stringify(payload));
const job = { id: 1, run_id: 2, labels: ["a"], workflow_name: "ci" };
const repository = { id: 3, full_name: "acme/api", owner: { login: "acme" }, default_branch: "main" };

/** Selects the members of an object the plain way, after a full parse. */
function selected(payload: Json, selection: Selection): Json {
  const members = Object.entries(selection).filter(([name]) => Object.hasOwn(payload, name));
  return Object.fromEntries(
    members.map(([name, wanted]) => {
      const value = payload[name];
      if (wanted === "count" && Array.isArray(value)) return [name, value.length];
      const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
      return [name, typeof wanted === "object" && isObject ? selected(value as Json, wanted) : value];
    }),
  );
}

describe("the stored projection", () => {
  it("agrees with the whole body for every recorded and simulated delivery", () => {
    const examples = ["api.github.com", "ghes-35"].flatMap((folder) => {
      const path = createRequire(import.meta.url).resolve(`@octokit/webhooks-examples/${folder}/index.json`);
      return JSON.parse(readFileSync(path, "utf8")) as { name: string; examples: Json[] }[];
    });
    const deliveries = examples.flatMap(({ name, examples: payloads }) =>
      payloads.map((payload) => ({ event: name, body: bytes(payload) })),
    );
    for (const { event, body } of generateHistory({ seed: 3, deliveries: 2_000, pad: true }))
      deliveries.push({ event, body: Buffer.from(body) });
    let small = 0;
    for (const { event, body } of deliveries) {
      const projection = projectionOf(event, false, body);
      if (!projection) throw new Error(`declined: ${event} ${body.toString()}`);
      small += projection.length < 1_000 ? 1 : 0;
      const whole = readBody(event, false, body);
      // No series of a job or a deployment has a branch label, so the projection drops the default branch.
      const expected =
        whole.kind === "workflow_job" || whole.kind === "deployment_status"
          ? { ...whole, repository: { ...whole.repository, defaultBranch: "" } }
          : whole;
      expect(readProjection(event, projection.toString())).toEqual(expected);
      const form = Buffer.from(`payload=${encodeURIComponent(body.toString())}`);
      expect(projectionOf(event, true, form)?.toString()).toBe(projection.toString());
    }
    expect(deliveries.length).toBeGreaterThan(2_000);
    expect(small / deliveries.length).toBeGreaterThan(0.99);
  });

  it.each([
    [[], 0],
    [[{ number: 1, started_at: null }], 0],
    [[{ name: 'a "started_at":"2026" in a name' }], 0],
    [
      [
        { number: 1, started_at: null },
        { number: 2, started_at: "2026-11-01T10:00:00Z" },
      ],
      1,
    ],
    [null, null],
  ])("keeps of steps %j only whether one has started", (steps, expected) => {
    for (const indent of [undefined, 1]) {
      const body = Buffer.from(
        JSON.stringify({ action: "completed", workflow_job: { id: 1, run_id: 2, steps }, repository }, null, indent),
      );
      const stored = JSON.parse(String(projectionOf("workflow_job", false, body))) as { workflow_job: Json };
      expect(stored.workflow_job["steps"]).toBe(expected);
    }
  });

  it("records whether a job deploys, at each place where the payload may say it", () => {
    const deployment = { deployment: { id: 5, payload: {} } };
    const read = (payload: object) => readProjection("workflow_job", String(projectionOf("workflow_job", false, bytes(payload))));
    for (const payload of [
      { ...deployment, workflow_job: job, repository },
      { workflow_job: job, repository, ...deployment },
    ])
      expect(read(payload)).toMatchObject({ isDeployment: true });
    expect(read({ workflow_job: { ...job, name: "deployment" }, repository })).toMatchObject({ isDeployment: false });
  });

  it("ignores the selected names inside strings and deeper objects", () => {
    const text = 'x,"repository":{"full_name":"evil/evil","owner":{';
    const deceptive = {
      action: text,
      nested: { repository: { full_name: "evil/evil" } },
      workflow_job: { ...job, name: text, extra: [{ repository: { full_name: "evil/evil" }, id: 9 }] },
      repository: { parent: { full_name: "evil/evil", owner: { login: "evil" } }, ...repository },
    };
    expect(readProjection("workflow_job", String(projectionOf("workflow_job", false, bytes(deceptive))))).toMatchObject({
      action: text,
      id: 1,
      repository: { owner: "acme", repo: "api" },
    });
  });

  const plain = fc.constantFrom("a", "b", "list", "deep", "x", "__proto__", "constructor", "long name", "é");
  const name = fc.oneof({ weight: 40, arbitrary: plain }, { weight: 1, arbitrary: fc.constantFrom('q"uote', "back\\slash") });
  const document = fc.dictionary(name, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 7 });
  const nested = fc
    .tuple(document, document, document)
    .map(([outer, inner, more]) => Object.assign(outer, { deep: Object.assign(inner, { b: more }) }));
  const selection: Selection = { a: "value", list: "count", deep: { a: "value", b: { x: "value", "long name": "value" } } };

  it("contains exactly the selected members of any object, or declines, with any white space", () => {
    let projected = 0;
    fc.assert(
      fc.property(fc.oneof(document, nested), fc.constantFrom(undefined, 1, "\t"), (payload, indent) => {
        const text = JSON.stringify(payload, null, indent);
        const result = new JsonProjector(selection).project(Buffer.from(text));
        if (!result) return;
        projected += 1;
        expect(JSON.parse(result.toString())).toEqual(selected(JSON.parse(text) as Json, selection));
      }),
      { numRuns: 3_000 },
    );
    expect(projected).toBeGreaterThan(1_000);
  });

  it("never throws on broken JSON, and produces only text that PostgreSQL can store", () => {
    fc.assert(
      fc.property(nested, fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.boolean(), (payload, where, noise, cut) => {
        const body = bytes(payload);
        const at = where % body.length;
        const broken = Buffer.concat([body.subarray(0, at), noise, cut ? Buffer.from("}") : body.subarray(at)]);
        const result = new JsonProjector(selection).project(broken);
        if (!result) return;
        expect(result.includes(0)).toBe(false);
        expect(Buffer.from(result.toString()).equals(result)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ["an escape in a member name", '{"\\u0061":1,"a":2}'],
    ["a duplicate member name", '{"a":1,"a":2,"deep":{}}'],
    ["a truncated body", '{"a":1,"deep":{"a":1}'],
    ["a missing value", '{"a":,"deep":{}}'],
    ["a missing comma", '{"x":1 "a":2}'],
    ["an extra comma", '{"x":1,}'],
    ["an array", '[{"a":1}]'],
    ["a control character between member name and value", '{"deep":\u0000{"a":1}}'],
    ["a control character", '{"a":"\u0000"}'],
    ["an unterminated string", '{"x":"}'],
    ["an unterminated nesting", '{"x":[[[[}'],
  ])("is declined for %s", (_, text) => {
    expect(new JsonProjector(selection).project(Buffer.from(text))).toBeUndefined();
  });

  it("is declined for a value that is too large, and for invalid UTF-8", () => {
    expect(new JsonProjector(selection).project(bytes({ a: "x".repeat(60_000) }))).toBeDefined();
    expect(new JsonProjector(selection).project(bytes({ a: "x".repeat(70_000) }))).toBeUndefined();
    expect(new JsonProjector(selection).project(Buffer.from('{"a":"\xff"}', "latin1"))).toBeUndefined();
  });

  it("skips any depth without recursion", () => {
    const deep = Buffer.from(`{"x":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)},"a":1}`);
    expect(new JsonProjector(selection).project(deep)?.toString()).toBe('{"a":1}');
  });

  it("does not take a member of the body for its own count", () => {
    const push = { ref: "refs/heads/main", commits: -5, repository };
    expect(projectionOf("push", false, bytes(push))).toBeNull();
    expect(readBody("push", false, bytes(push))).toMatchObject({ commits: 0 });
    expect(readProjection("push", String(projectionOf("push", false, bytes({ ...push, commits: [{}, [], 3] }))))).toMatchObject({
      commits: 3,
    });
  });

  it("leaves a truncated body to the dead letters", () => {
    const body = bytes({ action: "queued", workflow_job: job, repository });
    // The cuts start at 2, because the projection does not read the last brace.
    for (const cut of [2, 10, 40]) expect(projectionOf("workflow_job", false, body.subarray(0, -cut))).toBeNull();
  });
});

describe("unexpected values", () => {
  it.each([
    ["workflow_job", { action: "queued", workflow_job: null, repository }, /workflow_job is null/],
    ["workflow_job", { workflow_job: { ...job, id: "1" }, repository }, /id is of type string/],
    ["workflow_job", { workflow_job: { ...job, id: 2 ** 53 }, repository }, /id is 9007199254740992, expected a positive whole number/],
    ["workflow_job", { workflow_job: { ...job, run_attempt: 0 }, repository }, /run_attempt is 0/],
    ["workflow_run", { workflow_run: [], repository }, /workflow_run is an array/],
    ["workflow_run", { workflow_run: { id: 1 } }, /repository is missing/],
    ["push", { repository: {} }, /repository has no full_name/],
    ["star", [], /not a JSON object/],
  ])("in %s give an error message that names them", (event, payload, message) => {
    const whole = bytes(payload);
    expect(() => readBody(event, false, whole)).toThrow(UnexpectedPayload);
    expect(() => readBody(event, false, whole)).toThrow(message);
    const stored = projectionOf(event, false, whole) ?? whole;
    expect(() => readProjection(event, stored.toString())).toThrow(message);
  });

  it("in a label are replaced: control characters except line feeds, and unpaired surrogates", () => {
    expect(asLabel("a\u0000b\td\ne\u007f")).toBe("a\ufffdb\ufffdd\ne\ufffd");
    expect(asLabel("\ud83d\ude00 \ud83d x")).toBe("\ud83d\ude00 \ufffd x");
    expect(asLabel(`${"a".repeat(126)}\ud83d\ude00\ud83d\ude00`)).toBe(`${"a".repeat(126)}\ufffd…`);
    expect(asLabel("\u4e16".repeat(500))).toHaveLength(128);
  });
});
