import { expect, it, onTestFinished } from "vitest";
import { assault, MAX_BODY_BYTES } from "../../chaos/bad-input/assault.js";
import { DEAD, judge, LEDGER } from "../../chaos/bad-input/judge.js";
import { deliverMarker } from "../../chaos/bad-input/marker.js";
import { readStrictly } from "../../chaos/exposition.js";
import { Replica } from "../../chaos/replica.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { sized } from "../support/size.js";

const REQUESTS = sized(1_000, 10_000);
/** The process uses about 160 MiB under any traffic. */
const MOST_MEBIBYTES = 512;
const seed = Number(process.env["PROPERTY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

it(`${REQUESTS} bad requests: no 5xx but 503, no crash, no loss, no label injection, bounded memory (PROPERTY_SEED=${seed})`, async () => {
  console.info(`PROPERTY_SEED=${seed}`);
  const url = await freshDatabase();
  const replica = await Replica.create(0, url, { MAX_BODY_BYTES: String(MAX_BODY_BYTES), POLL_INTERVAL: "0.02", RETRY_BACKOFF: "1ms" });
  onTestFinished(async () => void (await replica.end("SIGKILL")));
  await replica.start();
  expect(await deliverMarker(replica.webhook)).toBe(202);
  const result = await assault(replica.webhook, REQUESTS, seed);
  expect(result.requests).toBeGreaterThanOrEqual(REQUESTS);
  const waiting = "(SELECT FROM octogauge.inbox LIMIT 1) UNION ALL (SELECT FROM octogauge.retries LIMIT 1)";
  await expect.poll(() => rowsOf(url, waiting)).toEqual([]);
  const evidence = {
    ledger: await rowsOf<{ id: string }>(url, LEDGER),
    dead: await rowsOf<{ id: string; source: string; error_class: string; error: string }>(url, DEAD),
    metrics: Buffer.from(await replica.text("metrics")),
  };
  expect(judge(result, evidence)).toEqual([]);
  // Proves the generators: many requests are accepted, some of them cannot be counted, and many are refused.
  expect(result.countable.size).toBeGreaterThan(REQUESTS / 5);
  expect(evidence.dead.length).toBeGreaterThan(REQUESTS / 20);
  expect(result.requests - result.accepted.size).toBeGreaterThan(REQUESTS / 5);
  expect([replica.state, replica.faults]).toEqual(["up", []]);
  expect(replica.peakMemory()).toBeLessThan(MOST_MEBIBYTES);
});

const FAMILY = "# HELP github_workflow_jobs_lost_total x\n# TYPE github_workflow_jobs_lost_total counter\n";
const LINE = 'github_workflow_jobs_lost_total{owner="a",repo="b"} 1\n';

it.each([
  ["a quote", LINE.replace('"a"', '"a"b"')],
  ["a line feed", LINE.replace('"a"', '"a\nb"')],
  ["a backslash", LINE.replace('"a"', '"a\\b"')],
  ["a carriage return", LINE.replace('"a"', '"a\rb"')],
  ["another label", LINE.replace('owner="a"', 'owner="a",evil="c"')],
  ["an injected metric", `${LINE}evil{owner="a",repo="b"} 1\n`],
  ["an injected metric without labels", `${LINE}evil 1\n`],
  ["a duplicate series", LINE + LINE],
  ["a duplicate family", LINE + FAMILY],
  ["an unknown family", `${LINE}# HELP evil x\n# TYPE evil counter\n`],
  ["no number", LINE.replace(" 1", " one")],
  ["a negative counter", LINE.replace(" 1", " -1")],
  ["a time", LINE.replace(" 1", " 1 123")],
  ["a missing last line feed", LINE.trimEnd()],
])("the strict parser finds %s", (_, text) => {
  const absent = / is missing$/;
  const findingsOf = (samples: string) => readStrictly(Buffer.from(FAMILY + samples)).findings.filter((finding) => !absent.test(finding));
  expect(findingsOf(LINE)).toEqual([]);
  expect(findingsOf(text)).not.toEqual([]);
});
