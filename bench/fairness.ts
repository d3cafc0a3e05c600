import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { projectionOf } from "../src/events/project.js";
import { BenchChild } from "./child.js";
import { type BenchServer, query } from "./database.js";
import { SECRET } from "./payloads.js";
import { atMost, type Result } from "./report.js";
import { type Figures, median, percentile, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
  readonly quick: boolean;
}

/** Deliveries of other repositories per second, each of a different one. */
const RATE = 50;
const POLL_MS = 5;
const LONGEST_WAIT_MS = 120_000;
/** Deliveries of the flood that FAIR_SHARE leaves in the priority lanes: the burst and a little of the rate. */
const IN_SHARE = 400;
const FIRST_OTHER = 900_000_000;

const body = (id: number | string, repository: string) =>
  `{"action":"queued","workflow_job":{"id":${id},"run_id":1,"run_attempt":1,"workflow_name":"ci","status":"queued","conclusion":null,"labels":["ubuntu-latest"],"runner_id":null,"created_at":"2026-11-01T10:00:00Z","started_at":"2026-11-01T10:00:00Z","completed_at":null},"repository":{"name":"${repository}","full_name":"acme/${repository}","owner":{"login":"acme"}}}`;

const FILL = `
  INSERT INTO octogauge.inbox (priority, delivery_id, event, form, projection, pack, pack_offset, bytes)
  SELECT CASE WHEN $3 AND i > ${IN_SHARE} THEN 4 ELSE 0 END, gen_random_uuid(), 'workflow_job', false, replace($2, '"ID"', i::text), i / 100, 0, 0
  FROM generate_series(1, $1::int) i`;

/** Measures the time until deliveries of other repositories are counted while a million of one repository wait, against an empty inbox. */
export async function benchFairness(
  server: BenchServer,
  { rounds, seconds, quick }: Scale,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  const million = quick ? 50_000 : 1_000_000;
  const projection = projectionOf("workflow_job", false, Buffer.from(body('"ID"', "huge")))!.toString();
  const measure = (rows: number, isFair: boolean) => async (): Promise<Figures> => {
    const url = await server.fresh();
    if (rows > 0) {
      await query(url, FILL, [rows, projection, isFair]);
      await query(url, "VACUUM ANALYZE octogauge.inbox");
      await query(url, "CHECKPOINT");
    }
    const child = await BenchChild.start("servers/octogauge.js", {
      DATABASE_URL: url,
      MODE: "standalone",
      ...(isFair ? {} : { FAIR_SHARE: "0" }),
    });
    const latencies = await othersLatencies(url, child.ready["port"]!, seconds);
    const [left] = await query<{ count: number }>(url, "SELECT count(*)::float8 AS count FROM octogauge.inbox");
    await child.stop();
    await server.drop(url);
    const sorted = latencies.sort((a, b) => a - b);
    return { "median ms": median(sorted), "p99 ms": percentile(sorted, 0.99), "left of it": left?.count ?? NaN };
  };
  const [alone, fair, unfair] = ["empty inbox", `${million} queued of one repository`, `a tenth of that, FAIR_SHARE=0`];
  await measured.run(
    rounds,
    { [alone!]: measure(0, true), [fair!]: measure(million, true), ...(quick ? {} : { [unfair!]: measure(million / 10, false) }) },
    progress,
  );
  return {
    name: "fairness",
    conditions: `${RATE} deliveries a second of other repositories for ${seconds} s, posted to one standalone process, from the request until the job's row is there (looked for every ${POLL_MS} ms); ${rounds} rounds, medians.`,
    rounds: measured,
    verdicts: [atMost("others' median behind a million / alone", measured.ratio("median ms", fair!, alone!), 2)],
  };
}

async function othersLatencies(url: string, port: number, seconds: number): Promise<number[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const waiting = new Map<number, number>();
  const latencies: number[] = [];
  const sending = new AbortController();
  const look = async () => {
    const until = performance.now() + seconds * 1_000 + LONGEST_WAIT_MS;
    while (!sending.signal.aborted || waiting.size > 0) {
      if (performance.now() > until) throw new Error(`${waiting.size} deliveries were not counted`);
      const { rows } = await client.query<{ id: string }>(
        "SELECT job_id::text AS id FROM octogauge.workflow_jobs WHERE job_id = ANY ($1::bigint[])",
        [[...waiting.keys()]],
      );
      for (const { id } of rows) {
        latencies.push(performance.now() - waiting.get(Number(id))!);
        waiting.delete(Number(id));
      }
      await sleep(POLL_MS);
    }
  };
  const looking = look();
  const answers: Promise<void>[] = [];
  for (let sent = 0; sent < seconds * RATE; sent += 1) {
    waiting.set(FIRST_OTHER + sent, performance.now());
    answers.push(post(port, body(FIRST_OTHER + sent, `small-${sent}`)));
    await sleep(1_000 / RATE);
  }
  await Promise.all(answers);
  sending.abort();
  await looking;
  await client.end();
  return latencies;
}

async function post(port: number, text: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/webhook`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": "workflow_job",
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(text).digest("hex")}`,
    },
    body: text,
  });
  if (response.status !== 202) throw new Error(`answered ${response.status}`);
}
