import { setMaxListeners } from "node:events";
import { connect } from "node:net";
import { goodHeaders, httpBytes } from "../bad-input/request.js";
import type { ChaosCase } from "../case.js";
import type { Replica } from "../replica.js";
import { messageOf, sleep, until } from "../waiting.js";

const CONNECTIONS = 200;
const TRICKLE_MS = 400;
/** Maximum time of a slow connection: REQUEST_TIMEOUT, a second, and the interval of the check. */
const LONGEST_SECONDS = 12;
/** Maximum latency for normal senders. */
const NORMAL_LIMIT_SECONDS = 2;
/** Too low if slots of ended slow connections stayed occupied. */
const MAX_INFLIGHT_REQUESTS = 250;
/** Maximum number of open requests of the normal traffic. */
const TRAFFIC_REQUESTS = 20;
const FREE_SECONDS = 10;
const BODY = Buffer.from(`{"action":"created","padding":"${"x".repeat(5_000)}"}`);

/** A connection that slowly sends an endless head or a body. @returns its duration and the status line of the answer */
function trickle(url: URL, inHead: boolean, signal: AbortSignal): Promise<{ seconds: number; answer: string }> {
  const bytes = httpBytes(goodHeaders("star", BODY), BODY);
  const start = inHead ? "POST /webhook HTTP/1.1\r\nHost: localhost\r\nX-Padding: " : bytes.subarray(0, bytes.length - BODY.length);
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = connect(Number(url.port), url.hostname);
    let answer = "";
    const timer = setInterval(() => socket.write("x"), TRICKLE_MS);
    const abort = () => socket.destroy();
    signal.addEventListener("abort", abort);
    socket.write(start);
    socket.on("data", (data) => (answer += data.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
      resolve({ seconds: (performance.now() - began) / 1_000, answer: answer.split("\r\n", 1)[0] ?? "" });
    });
  });
}

async function inflightRequests({ management }: Replica): Promise<number> {
  const text = await (await fetch(new URL("/metrics/process", management))).text();
  return Number(/^octogauge_inflight_requests (\d+)/m.exec(text)?.[1] ?? NaN);
}

export const slowloris: ChaosCase = {
  name: "slowloris",
  what: `${CONNECTIONS} connections to one replica that trickle a head or a body, repeatedly, beside normal traffic; afterwards none of their slots may stay occupied`,
  seconds: 25,
  needs: { environment: () => ({ MAX_INFLIGHT_REQUESTS: String(MAX_INFLIGHT_REQUESTS) }) },
  async run({ replicas, traffic, faults, notes }, seconds) {
    const [target] = replicas;
    if (!target) return;
    const ending = new AbortController();
    setMaxListeners(0, ending.signal);
    const answerCounts = new Map<string, number>();
    let longest = 0;
    const attack = async (index: number) => {
      while (!ending.signal.aborted) {
        const end = await trickle(target.webhook, index % 2 === 0, ending.signal);
        longest = Math.max(longest, end.seconds);
        if (!ending.signal.aborted) answerCounts.set(end.answer, (answerCounts.get(end.answer) ?? 0) + 1);
      }
    };
    const attackers = Array.from({ length: CONNECTIONS }, (_, index) => attack(index));
    await sleep(seconds * 1_000);
    ending.abort();
    await Promise.all(attackers);
    await until(
      "the slots of the slow connections are free",
      FREE_SECONDS,
      async () => (await inflightRequests(target)) <= TRAFFIC_REQUESTS,
    ).catch((error: unknown) => faults.push(messageOf(error)));
    if (longest > LONGEST_SECONDS) faults.push(`a slow sender kept its connection for ${longest.toFixed(1)} s`);
    const wrong = [...answerCounts.keys()].filter((line) => !/^(|HTTP\/1\.1 (400|408|503) .*)$/.test(line));
    if (wrong.length > 0) faults.push(`a slow sender got the answer ${wrong.join(", ")}`);
    const { longestAccepted, refused } = traffic.record;
    if (longestAccepted > NORMAL_LIMIT_SECONDS) faults.push(`a normal sender waited ${longestAccepted.toFixed(1)} s for a 202`);
    if (refused > 0) faults.push(`${refused} deliveries of normal senders were refused`);
    const answers = [...answerCounts].map(([line, count]) => `${count} x ${line || "closed"}`);
    notes.push(`slow connections: longest ${longest.toFixed(1)} s; ${answers.join(", ")}`);
  },
};
