import fc from "fast-check";

/** Marks a string as raw JSON that JSON.stringify cannot write. */
const RAW = "\u{f0000}raw:";

const raw = (json: string): string => `${RAW}${json}\u{f0001}`;

/** JSON of a payload; strings marked by {@link raw} are inserted without quotes. */
export function toJson(payload: unknown): string {
  return JSON.stringify(payload).replaceAll(new RegExp(`"${RAW}([^\u{f0001}]*)\u{f0001}"`, "gu"), (_, json: string) =>
    json.replaceAll('\\"', '"').replaceAll("\\\\", "\\"),
  );
}

/** Characters that can break out of a label, a line, a column or a C string. */
const DANGEROUS_TEXTS = [
  "",
  '"',
  "\\",
  "\n",
  "}",
  '"} 1\nfake_metric{a="b',
  '",owner="somebody',
  '"} 1 # {',
  "\\n",
  '\\"',
  "ends with \\",
  "\u0000",
  "a\u0000b",
  "\r\n# TYPE fake counter\r\nfake 1",
  "\n# HELP github_events_total",
  "\ud800",
  "x\udc00y",
  "\u2028\u2029\u0085",
  "\ufeff",
  "\u007f\u001b[31m",
  "__proto__",
  "constructor",
  "toString",
  "NaN",
  "+Inf",
  "{}",
  "/",
  "a/b/c",
  "'; DROP TABLE octogauge.inbox; --",
  "%00%0a",
  "\u{1f4a9}".repeat(70),
  `${"x".repeat(127)}\u{1f4a9}`,
  "ﷺ".repeat(200),
  "x".repeat(100_000),
  '\\"'.repeat(5_000),
];

/** A text for a label field. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...DANGEROUS_TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom('"', "\\", "\n", "}", ",", "=", "a", " "), { maxLength: 30 }).map((parts) => parts.join("")),
  },
  // Any UTF-16 units, including lone surrogates.
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)) },
);

const NUMBERS = [
  "0",
  "-1",
  "1e400",
  "-1e400",
  "1e-400",
  "9007199254740992",
  "9223372036854775808",
  "1.5",
  "-0",
  "9".repeat(1_000),
  "1e308",
];

/** A number beyond the range of integer columns or doubles. */
export const number: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...NUMBERS).map(raw),
  fc.double({ noNaN: true }),
  fc.maxSafeInteger(),
);

const nested = (open: string, close: string, depth: number) => raw(`${open.repeat(depth)}${close.repeat(depth)}`);

/** A value of any type. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 3, arbitrary: number },
  fc.constantFrom<unknown>(null, true, [], {}, [[]], { length: 3 }),
  fc.constantFrom(nested("[", "]", 5_000), raw(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`)),
  fc.constantFrom(raw('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'), raw('{"a":1,"a":{"a":2}}')),
  fc.array(text, { maxLength: 60 }),
);
