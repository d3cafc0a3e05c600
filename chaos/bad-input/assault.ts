import fc from "fast-check";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { framing, oversized, truncated } from "./framing.js";
import { badHead, badLine, noise } from "./heads.js";
import { signedBody } from "./payloads.js";
import { CLOSED, goodHeaders, httpBytes, type RawRequest, withHeader } from "./request.js";

/** MAX_BODY_BYTES of the target: low, so that bodies beyond it are cheap. */
export const MAX_BODY_BYTES = 1_048_576;
const CONNECTIONS = 40;
const PATIENCE_MS = 12_000;
/** Requests are generated in portions, to limit memory. */
const PORTION = 500;

/** Result of all requests. */
export interface Assault {
  readonly requests: number;
  readonly byStatus: ReadonlyMap<number, number>;
  readonly accepted: ReadonlySet<string>;
  /** Ids of accepted deliveries that must be counted; others may become dead letters. */
  readonly countable: ReadonlySet<string>;
  /** Requests with a wrong answer, or with an answer where none is allowed. */
  readonly findings: readonly string[];
}

/** Valid delivery ids of every kind; times in version 1 reach from 1582 to 5236. */
const deliveryId = fc.oneof(
  fc.constant(undefined),
  fc
    .tuple(fc.constantFrom("00000000-0000-1000", "ffffffff-ffff-1fff", "138140 00-1dd2-11b2".replace(" ", "")), fc.constant(0))
    .map(([time]) => time),
);

const sizeAllowed = (body: Buffer): readonly number[] => (body.length > MAX_BODY_BYTES ? [413] : [202]);

const signed: fc.Arbitrary<RawRequest> = fc.tuple(signedBody, deliveryId, fc.boolean()).map(([{ event, body, countable }, time, upper]) => {
  const random = randomUUID();
  const id = time === undefined ? random : `${time}${random.slice(18)}`;
  return {
    kind: `signed ${event}`,
    bytes: httpBytes(goodHeaders(event, body, upper ? id.toUpperCase() : id), body),
    allowed: [202],
    end: false,
    countable,
  };
});

const form: fc.Arbitrary<RawRequest> = fc
  .tuple(signedBody, fc.constantFrom("payload=", "payload=%ZZ", "a=b&payload=", "payload", "", "payload=%00"))
  .map(([{ event, body: json }, prefix]) => {
    const body = Buffer.from(`${prefix}${encodeURIComponent(json.toString("latin1"))}`);
    const headers = withHeader(goodHeaders(event, body), "Content-Type", "application/x-www-form-urlencoded");
    return {
      kind: "form",
      bytes: httpBytes(headers, body),
      allowed: sizeAllowed(body),
      end: false,
      countable: false,
    };
  });

const request: fc.Arbitrary<RawRequest> = fc.oneof(
  { weight: 40, arbitrary: signed },
  { weight: 4, arbitrary: form },
  { weight: 25, arbitrary: badHead },
  { weight: 8, arbitrary: badLine },
  { weight: 12, arbitrary: framing },
  { weight: 6, arbitrary: truncated },
  { weight: 5, arbitrary: noise },
);

/** Sends generated requests, each on a new connection. The same seed gives the same requests, except their ids. */
export async function assault(webhook: URL, count: number, seed: number): Promise<Assault> {
  const byStatus = new Map<number, number>();
  const wrong = new Map<string, { count: number; example: string }>();
  let requests = 0;
  const accepted = new Set<string>();
  const countable = new Set<string>();
  const one = async (raw: RawRequest) => {
    const { status, left, text } = await exchange(webhook, raw);
    requests += 1;
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    if (status === 202) {
      const id = /^X-GitHub-Delivery: (\S+)/m.exec(raw.bytes.toString("latin1"))?.[1]?.toLowerCase() ?? "";
      accepted.add(id);
      if (raw.countable) countable.add(id);
    }
    const right = raw.allowed?.includes(status) ?? (status < 500 || status === 503);
    if (right && !left) return;
    const what = `${raw.kind}: ${left ? "left open" : `answered ${status}`}, allowed: ${raw.allowed?.join(", ") ?? "no 5xx but 503"}`;
    const example = `${JSON.stringify(raw.bytes.toString("latin1", 0, 700))} got ${JSON.stringify(text.slice(0, 200))}`;
    wrong.set(what, { count: (wrong.get(what)?.count ?? 0) + 1, example });
  };
  for (let portion = 0; portion * PORTION < count; portion += 1) {
    const size = Math.min(PORTION, count - portion * PORTION);
    const queue = [
      ...fc.sample(request, { seed: seed + portion, numRuns: size }),
      ...fc.sample(oversized(MAX_BODY_BYTES), { seed, numRuns: 1 }),
    ];
    const work = async () => {
      for (let next = queue.pop(); next; next = queue.pop()) await one(next);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  }
  const findings = [...wrong].map(([what, { count, example }]) => `${count} x ${what}, such as ${example}`);
  return { requests, byStatus, accepted, countable, findings };
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly left: boolean;
}

/** Writes the bytes and reads until the receiver closes. The first answer other than 100 counts. */
function exchange({ hostname, port }: URL, { bytes, end }: RawRequest): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    let text = "";
    const finish = (left: boolean) => {
      socket.destroy();
      const status = [...text.matchAll(/^HTTP\/1\.[01] (\d{3}) /gm)].map((match) => Number(match[1])).find((code) => code !== 100);
      resolve({ status: status ?? CLOSED, text, left });
    };
    socket.setTimeout(PATIENCE_MS, () => finish(true));
    socket.on("data", (data) => (text += data.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("end", () => finish(false));
    socket.on("close", () => finish(false));
    if (end) socket.end(bytes);
    else socket.write(bytes);
  });
}
