import { setMaxListeners } from "node:events";
import { connect } from "node:net";
import { goodHeaders, httpBytes } from "../bad-input/request.js";
import type { ChaosCase } from "../case.js";
import type { Replica } from "../replica.js";
import { messageOf, sleep, until } from "../waiting.js";

const CONNECTIONS = 200;
const TRICKLE_MS = 400;
/** REQUEST_TIMEOUT and a second, and the check every second: no connection may last longer. */
const LONGEST_SECONDS = 12;
/** What a sender that behaves has to wait at most. */
const QUICK_SECONDS = 2;
/** Less than the attackers would take up if the places of those that were cut off stayed taken. */
const MAX_INFLIGHT_REQUESTS = 250;
/** Of the traffic, at most so many deliveries are under way at once. */
const TRAFFIC_REQUESTS = 20;
const FREE_SECONDS = 10;
const BODY = Buffer.from(`{"action":"created","padding":"${"x".repeat(5_000)}"}`);

/** One connection that sends a byte now and then: of an endless head, or of a body. @returns how long it was let, and what it was told */
function trickle(url: URL, inHead: boolean, signal: AbortSignal): Promise<{ seconds: number; told: string }> {
  const bytes = httpBytes(goodHeaders("star", BODY), BODY);
  const start = inHead ? "POST /webhook HTTP/1.1\r\nHost: localhost\r\nX-Padding: " : bytes.subarray(0, bytes.length - BODY.length);
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = connect(Number(url.port), url.hostname);
    let told = "";
    const timer = setInterval(() => socket.write("x"), TRICKLE_MS);
    const abort = () => socket.destroy();
    signal.addEventListener("abort", abort);
    socket.write(start);
    socket.on("data", (data) => (told += data.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
      resolve({ seconds: (performance.now() - began) / 1_000, told: told.split("\r\n", 1)[0] ?? "" });
    });
  });
}

async function inflightRequests({ management }: Replica): Promise<number> {
  const text = await (await fetch(new URL("/metrics/process", management))).text();
  return Number(/^octogauge_inflight_requests (\d+)/m.exec(text)?.[1] ?? NaN);
}

export const slowloris: ChaosCase = {
  name: "slowloris",
  what: `${CONNECTIONS} connections to one replica that trickle a head or a body, again and again, while others deliver; afterwards no place of theirs may still be taken`,
  seconds: 25,
  needs: { environment: () => ({ MAX_INFLIGHT_REQUESTS: String(MAX_INFLIGHT_REQUESTS) }) },
  async run({ replicas, traffic, faults, notes }, seconds) {
    const [target] = replicas;
    if (!target) return;
    const ending = new AbortController();
    setMaxListeners(0, ending.signal);
    const told = new Map<string, number>();
    let longest = 0;
    const attack = async (index: number) => {
      while (!ending.signal.aborted) {
        const end = await trickle(target.webhook, index % 2 === 0, ending.signal);
        longest = Math.max(longest, end.seconds);
        if (!ending.signal.aborted) told.set(end.told, (told.get(end.told) ?? 0) + 1);
      }
    };
    const attackers = Array.from({ length: CONNECTIONS }, (_, index) => attack(index));
    await sleep(seconds * 1_000);
    ending.abort();
    await Promise.all(attackers);
    await until(
      "the places of the slow ones are free again",
      FREE_SECONDS,
      async () => (await inflightRequests(target)) <= TRAFFIC_REQUESTS,
    ).catch((error: unknown) => faults.push(messageOf(error)));
    if (longest > LONGEST_SECONDS) faults.push(`a slow sender kept its connection for ${longest.toFixed(1)} s`);
    const wrong = [...told.keys()].filter((line) => !/^(|HTTP\/1\.1 (400|408|503) .*)$/.test(line));
    if (wrong.length > 0) faults.push(`a slow sender was told ${wrong.join(", ")}`);
    const { longestAccepted, refused } = traffic.record;
    if (longestAccepted > QUICK_SECONDS) faults.push(`somebody who behaved waited ${longestAccepted.toFixed(1)} s for a 202`);
    if (refused > 0) faults.push(`${refused} deliveries of somebody who behaved were refused`);
    const answers = [...told].map(([line, count]) => `${count} x ${line || "closed"}`);
    notes.push(`slow ones: longest ${longest.toFixed(1)} s; ${answers.join(", ")}`);
  },
};
