import fc from "fast-check";
import { anything, number, text, toJson } from "./text.js";

/** An event with its body. */
export interface Signed {
  readonly event: string;
  readonly body: Buffer;
  /** True if only texts were changed, so that the delivery must be counted, not dead-lettered. */
  readonly countable: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** A text that is not empty after shortening, because owner and name are required. */
const named = text.map((value) => `o${value.replaceAll("/", "")}`);
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const moment = fc.constantFrom(
  "2026-11-01T10:00:00Z",
  "2026-11-01T10:00:12Z",
  "9999-12-31T23:59:59Z",
  "-271821-04-20T00:00:00Z",
  "",
  "0",
  "\u0000",
  null,
);
const action = fc.oneof({ weight: 2, arbitrary: fc.constantFrom("queued", "in_progress", "completed", "requested", "waiting") }, text);
const repository = fc.record({ full_name: fc.tuple(named, text).map(([owner, name]) => `${owner}/r${name}`), default_branch: text });

const job: fc.Arbitrary<Fields> = fc.record({
  id,
  run_id: id,
  run_attempt: fc.integer({ min: 1, max: 1_000_000 }),
  workflow_name: text,
  status: text,
  conclusion: fc.oneof(text, fc.constantFrom("success", "skipped", null)),
  labels: fc.array(text, { maxLength: 60 }),
  runner_id: fc.oneof(anything, fc.constant(7)),
  created_at: moment,
  started_at: moment,
  completed_at: moment,
});

const run: fc.Arbitrary<Fields> = fc.record({
  id,
  run_attempt: fc.integer({ min: 1, max: 1_000_000 }),
  name: text,
  event: text,
  status: text,
  conclusion: fc.oneof(text, fc.constantFrom("success", "action_required", null)),
  head_branch: fc.oneof(text, fc.constant(null)),
  head_repository: fc.record({ full_name: text }),
  created_at: moment,
  run_started_at: moment,
  updated_at: moment,
});

/** By event: valid payloads with dangerous texts. */
const FORMS: Readonly<Record<string, fc.Arbitrary<Fields>>> = {
  workflow_job: fc.record({ action, workflow_job: job, repository }),
  workflow_run: fc.record({ action, workflow: fc.oneof(fc.constant(null), fc.record({ name: text })), workflow_run: run, repository }),
  push: fc.record({ ref: text, commits: fc.array(fc.constant({}), { maxLength: 300 }), repository }),
  pull_request: fc.record({ action, pull_request: fc.record({ base: fc.record({ ref: text }) }), repository }),
  star: fc.record({ action: text, repository }),
};

const event = fc.constantFrom(...Object.keys(FORMS));
const formOf = (name: string) => FORMS[name] as fc.Arbitrary<Fields>;
const json = (name: string, payload: unknown, countable: boolean): Signed => ({
  event: name,
  body: Buffer.from(toJson(payload)),
  countable,
});

const venomous = event.chain((name) => formOf(name).map((payload) => json(name, payload, true)));

/** A payload with one field missing or of another type. */
const misshapen = event.chain((name) =>
  fc.tuple(formOf(name), fc.nat(), fc.oneof(anything, number, fc.constant(undefined))).map(([payload, place, value]) => {
    const copy = structuredClone(payload) as Record<string, unknown>;
    const places = holders(copy);
    const [holder, key] = places[place % places.length] as [Record<string, unknown>, string];
    holder[key] = value;
    return json(name, copy, false);
  }),
);

/** Each nested object with each of its keys. */
function holders(object: Record<string, unknown>): [Record<string, unknown>, string][] {
  const found: [Record<string, unknown>, string][] = [];
  for (const [key, value] of Object.entries(object)) {
    found.push([object, key]);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) found.push(...holders(value as Record<string, unknown>));
  }
  return found;
}

const DEEP = 100_000;
const ODD = [
  "",
  "null",
  "[]",
  '"text"',
  "17",
  "{",
  "{}",
  "\u0000",
  "\ufeff{}",
  '{"__proto__":{"action":"x"},"constructor":1,"action":"created"}',
  '{"action":{"toString":1},"repository":{"__proto__":null}}',
  `${"[".repeat(DEEP)}${"]".repeat(DEEP)}`,
  `${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`,
  '{"action":"a","action":"b","repository":{"full_name":"a/b"},"repository":7}',
];

/** Bodies that are not an object, not JSON, not UTF-8 or not text. */
const odd = fc.tuple(
  event,
  fc.oneof(
    fc.constantFrom(...ODD).map((body) => Buffer.from(body)),
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  ),
);

/** A valid body except for some bytes that are not UTF-8. */
const broken = fc.tuple(venomous, fc.nat(), fc.constantFrom(0xff, 0xc0, 0x80, 0xed, 0x00)).map(([signed, place, byte]): Signed => {
  const body = Buffer.from(signed.body);
  body[place % body.length] = byte;
  return { event: signed.event, body, countable: false };
});

export const signedBody: fc.Arbitrary<Signed> = fc.oneof(
  { weight: 6, arbitrary: venomous },
  { weight: 4, arbitrary: misshapen },
  { weight: 1, arbitrary: odd.map(([name, body]) => ({ event: name, body, countable: false })) },
  { weight: 1, arbitrary: broken },
);
