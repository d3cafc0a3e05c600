import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { signatureOf } from "../../src/simulator/post.js";
import { SECRET } from "../replica.js";
import { CLOSED, goodHeaders, type Header, httpBytes, type RawRequest, withHeader, without } from "./request.js";

const BODY = Buffer.from('{"action":"created"}');
const GOOD = signatureOf(SECRET, BODY);
const HEX = GOOD.slice("sha256=".length);
const LONG = 20_000;

type Change = (headers: readonly Header[]) => Header[];
type Variant = readonly [kind: string, change: Change, allowed: readonly number[] | undefined];

const set =
  (name: string, value: string): Change =>
  (headers) =>
    withHeader(headers, name, value);
const repeat =
  (name: string): Change =>
  (headers) => [...headers, ...headers.filter(([known]) => known === name)];

const SIGNATURES: readonly (readonly [string, readonly number[] | undefined])[] = [
  ["", [401]],
  [HEX, [401]],
  // The signature in capitals: accepting or rejecting it is both correct.
  [`sha256=${HEX.toUpperCase()}`, [202, 401]],
  [`SHA256=${HEX}`, [401]],
  [`sha1=${HEX}`, [401]],
  [`sha1=${HEX.slice(0, 40)}`, [401]],
  [GOOD.slice(0, -1), [401]],
  [GOOD.slice(0, -2), [401]],
  [`${GOOD}0`, [401]],
  [`${GOOD},${GOOD}`, [401]],
  [`${GOOD} ${GOOD}`, [401]],
  [`sha256=${"z".repeat(64)}`, [401]],
  [`sha256=${"0".repeat(64)}`, [401]],
  [`sha256=${HEX.slice(0, 63)}\u00e9`, [401]],
  [`sha256=${HEX.slice(0, 62)} 0`, [401]],
  [signatureOf("another secret", BODY), [401]],
  [signatureOf(SECRET, "another body"), [401]],
  ["x".repeat(LONG), [431, CLOSED]],
];

const IDS = ["", "42", "ffffffff-ffff-1fff-bfff-fffffffffffg", "../../etc/passwd", "{}", "' OR 1=1", "\u00ff".repeat(36), "0".repeat(36)];
const EVENTS = ["", "Star", "star-x", 'star"} 1', "__proto__", "star\\n", "\u00e9toile", "s".repeat(65), "9", "star,star"];
const HOOKS = ["", "-1", "x", "1e5", "99999999999999999999", "9007199254740993", '1"', "1, 2"];
const TYPES = ["text/plain", "application/xml", "application/jsonx", "", "multipart/form-data; boundary=x", "application/json\u00e9"];
const NAMES = ["X-GitHub-Delivery", "X-GitHub-Event", "X-Hub-Signature-256", "Content-Type", "Content-Length", "Host"] as const;
const MISSING: Readonly<Record<string, readonly number[]>> = {
  "X-Hub-Signature-256": [401],
  "Content-Type": [415],
  "Content-Length": [400, 401, CLOSED],
};

const VARIANTS: readonly Variant[] = [
  ...SIGNATURES.map(([value, allowed]): Variant => ["signature", set("X-Hub-Signature-256", value), allowed]),
  ...IDS.map((value): Variant => ["delivery id", set("X-GitHub-Delivery", value), [400]]),
  ...EVENTS.map((value): Variant => ["event", set("X-GitHub-Event", value), [400]]),
  ...HOOKS.map((value): Variant => ["hook id", set("X-GitHub-Hook-ID", value), [202]]),
  ...TYPES.map((value): Variant => ["content type", set("Content-Type", value), [415]]),
  ...["application/json; charset=utf-16", "APPLICATION/JSON", "application/json;;"].map((value): Variant => [
    "content type",
    set("Content-Type", value),
    [202],
  ]),
  ...["gzip", "br", "identity, gzip", "x"].map((value): Variant => ["encoding", set("Content-Encoding", value), [415]]),
  ["encoding", set("Content-Encoding", "Identity"), [202]],
  ...NAMES.map((name): Variant => ["missing", (headers) => without(headers, name), MISSING[name] ?? [400]]),
  ...["X-GitHub-Delivery", "X-GitHub-Event"].map((name): Variant => ["repeated", repeat(name), [400]]),
  ["repeated", repeat("X-Hub-Signature-256"), [401]],
  ...["Content-Type", "Host", "Content-Length"].map((name): Variant => ["repeated", repeat(name), undefined]),
  ["giant", set("X-Padding", "x".repeat(LONG)), [431, CLOSED]],
  ["giant", set("x".repeat(LONG), "y"), [431, CLOSED]],
  ["many", (headers) => [...Array.from({ length: 1_500 }, (_, index): Header => [`a${index}`, ""]), ...headers], undefined],
  ...["a\u0000b", "\u0000", "a\rb", "a\nb", "a\u007fb"].map((value): Variant => ["control character", set("X-Padding", value), undefined]),
  ["control character", set("X-GitHub-Event", "st\u0000ar"), [400, CLOSED]],
  ["non-ASCII", set("X-P\u00e4dding", "x"), undefined],
  ["non-ASCII", set("X-Padding", "\u00c3\u00a9\u00ff"), [202]],
  ["space before the colon", (headers) => [["X-Padding ", "x"], ...headers], [400, CLOSED]],
  ["folded", set("X-Padding", "a\r\n b"), undefined],
  ["expectation", set("Expect", "100-continue"), [202]],
  ["expectation", set("Expect", "miracles"), [417]],
  ["upgrade", (headers) => withHeader(withHeader(headers, "Connection", "Upgrade"), "Upgrade", "websocket"), undefined],
];

/** A valid delivery with one error in its head. */
export const badHead: fc.Arbitrary<RawRequest> = fc.constantFrom(...VARIANTS).map(([kind, change, allowed]) => ({
  kind,
  bytes: httpBytes(change(goodHeaders("star", BODY)), BODY),
  allowed,
  end: kind === "upgrade",
  countable: true,
}));

const LINES: readonly (readonly [string, readonly number[] | undefined])[] = [
  ...["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"].map((method) => [`${method} /webhook HTTP/1.1`, [405]] as const),
  ...["/", "/metrics", "/health", "/webhook//", "//webhook", "/webhook%00", "/webhook%2f..", "/../webhook", `/${"a".repeat(10_000)}`].map(
    (path) => [`POST ${path} HTTP/1.1`, [404]] as const,
  ),
  ["POST /webhook?a=b%00 HTTP/1.1", [202]],
  ["POST http://elsewhere/webhook HTTP/1.1", [202, 404]],
  ["POST /webhook HTTP/1.0", [202]],
  ["CONNECT localhost:5432 HTTP/1.1", undefined],
  ["POST * HTTP/1.1", undefined],
  ["POST /web hook HTTP/1.1", [400, CLOSED]],
  ["POST /webhook\u0000 HTTP/1.1", [400, CLOSED]],
  ["POST /webhook HTTP/9.9", [400, CLOSED]],
  ["POST /webhook", undefined],
  ["FOO /webhook HTTP/1.1", [400, CLOSED]],
  [`POST /${"x".repeat(LONG)} HTTP/1.1`, [431, CLOSED]],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n", undefined],
];

/** A valid delivery with another request line. */
export const badLine: fc.Arbitrary<RawRequest> = fc.constantFrom(...LINES).map(([line, allowed]) => ({
  kind: "request line",
  bytes: httpBytes(goodHeaders("star", BODY), BODY, line),
  allowed,
  end: !allowed?.includes(202),
  countable: true,
}));

const COMPRESSED = gzipSync(BODY);

/** Invalid HTTP. */
export const noise: fc.Arbitrary<RawRequest> = fc.oneof(
  fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes): RawRequest => ({ kind: "noise", bytes: Buffer.from(bytes), allowed: [400, CLOSED], end: true, countable: true })),
  fc
    .constant(Buffer.from("16030100c8010000c40303", "hex"))
    .map((bytes): RawRequest => ({ kind: "TLS", bytes, allowed: [400, CLOSED], end: true, countable: true })),
  fc.constant(COMPRESSED).map((body): RawRequest => ({
    kind: "compressed, not said so",
    bytes: httpBytes(goodHeaders("star", body), body),
    allowed: [202],
    end: false,
    countable: false,
  })),
);
