import fc from "fast-check";
import { CLOSED, goodHeaders, type Header, httpBytes, type RawRequest, without } from "./request.js";

const BODY = Buffer.from('{"action":"created"}');
const HEX = BODY.length.toString(16);
const CHUNKED: Header = ["Transfer-Encoding", "chunked"];

const head = (...framing: readonly Header[]): Header[] => [...without(goodHeaders("star", BODY), "Content-Length"), ...framing];
const chunks = (text: string): Buffer => Buffer.from(text, "latin1");
const whole = chunks(`${HEX}\r\n${BODY.toString()}\r\n0\r\n\r\n`);

type Framing = readonly [kind: string, headers: readonly Header[], body: Buffer, allowed: readonly number[] | undefined];

const REFUSED = [400, CLOSED] as const;

/** Variants of body framing; the signature is always valid for the intended body. */
const FRAMINGS: readonly Framing[] = [
  ["chunked", head(CHUNKED), whole, [202]],
  ["chunked, byte by byte", head(CHUNKED), chunks(`${[...BODY.toString()].map((byte) => `1\r\n${byte}\r\n`).join("")}0\r\n\r\n`), [202]],
  ["chunk extensions", head(CHUNKED), chunks(`${HEX};a=b;c="d"\r\n${BODY.toString()}\r\n0\r\n\r\n`), [202]],
  ["giant chunk extension", head(CHUNKED), chunks(`${HEX};${"x".repeat(40_000)}\r\n${BODY.toString()}\r\n0\r\n\r\n`), undefined],
  ["trailers", head(CHUNKED), chunks(`${HEX}\r\n${BODY.toString()}\r\n0\r\nX-GitHub-Event: push\r\n\r\n`), [202]],
  ["chunked and a length", head(CHUNKED, ["Content-Length", String(BODY.length)]), whole, REFUSED],
  ["a length and chunked", head(["Content-Length", "3"], CHUNKED), whole, REFUSED],
  ["two lengths", head(["Content-Length", "3"], ["Content-Length", String(BODY.length)]), BODY, REFUSED],
  ["a list of lengths", head(["Content-Length", `${BODY.length}, ${BODY.length}`]), BODY, REFUSED],
  ...["-1", "+20", "0x14", "1e1", "20 0", "99999999999999999999999", "twenty", "2\u00b2"].map((length): Framing => [
    "no length",
    head(["Content-Length", length]),
    BODY,
    [400, 401, 413, CLOSED],
  ]),
  ["unknown coding", head(["Transfer-Encoding", "gzip"]), whole, undefined],
  ["two codings", head(["Transfer-Encoding", "gzip, chunked"]), whole, undefined],
  ["chunked is not last", head(["Transfer-Encoding", "chunked, identity"]), whole, undefined],
  ["chunked twice", head(CHUNKED, CHUNKED), whole, undefined],
  ["an odd spelling", head(["Transfer-Encoding", "\u000bchunked"]), whole, undefined],
  ["an odd case", head(["transfer-ENCODING", "CHUNKED"]), whole, [202]],
  ["a bad chunk size", head(CHUNKED), chunks(`zz\r\n${BODY.toString()}\r\n0\r\n\r\n`), REFUSED],
  ["a giant chunk size", head(CHUNKED), chunks(`ffffffffffffffffff\r\n${BODY.toString()}`), REFUSED],
  ["a wrong chunk size", head(CHUNKED), chunks(`3\r\n${BODY.toString()}\r\n0\r\n\r\n`), REFUSED],
  ["no last chunk", head(CHUNKED), chunks(`${HEX}\r\n${BODY.toString()}\r\n`), REFUSED],
  ["bare line feeds", head(CHUNKED), chunks(`${HEX}\n${BODY.toString()}\n0\n\n`), undefined],
  ["nothing", head(["Content-Length", "0"]), Buffer.alloc(0), [401]],
  [
    "more than said",
    head(["Content-Length", String(BODY.length)]),
    // The parser may reject the rest before the first request is answered.
    Buffer.concat([BODY, Buffer.from("GET /metrics HTTP/1.1\r\n\r\n")]),
    [202, 400],
  ],
];

export const framing: fc.Arbitrary<RawRequest> = fc.constantFrom(...FRAMINGS).map(([kind, headers, body, allowed]) => ({
  kind,
  // Generated for each request, because the id differs.
  bytes: httpBytes(
    headers.map(([name, value]) => [name, name === "X-GitHub-Delivery" ? crypto.randomUUID() : value]),
    body,
  ),
  allowed,
  // A half-closed connection gets no answer, so a valid request keeps it open.
  end: !allowed?.includes(202),
  countable: true,
}));

/** Truncated requests: the connection ends or stalls inside. */
export const truncated: fc.Arbitrary<RawRequest> = fc.tuple(fc.nat(), fc.boolean()).map(([place, chunked]) => {
  const headers = chunked ? head(CHUNKED) : goodHeaders("star", BODY);
  const bytes = httpBytes(headers, chunked ? whole : BODY);
  return { kind: "truncated", bytes: bytes.subarray(0, 1 + (place % (bytes.length - 1))), allowed: REFUSED, end: true, countable: true };
});

/** Bodies over the limit, with and without Content-Length. */
export function oversized(limit: number): fc.Arbitrary<RawRequest> {
  const more = Buffer.alloc(limit + 1, 0x20);
  const good = without(goodHeaders("star", BODY), "Content-Length");
  const said = httpBytes([...good, ["Content-Length", String(more.length)]], Buffer.alloc(0));
  const unsaid = httpBytes([...good, CHUNKED], Buffer.concat([chunks(`${more.length.toString(16)}\r\n`), more]));
  return fc.constantFrom(said, unsaid).map((bytes) => ({ kind: "oversized", bytes, allowed: [413], end: false, countable: true }));
}
