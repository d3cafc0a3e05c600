// Runs in `helm test`: posts a signed ping and checks that /metrics counts it.
import { createHmac, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";

const { WEBHOOK_URL, MANAGEMENT_URL, SECRETS } = process.env;
const secretOf = (name) => (existsSync(`${SECRETS}/${name}`) ? readFileSync(`${SECRETS}/${name}`, "utf8").trim() : undefined);
const secret = secretOf("webhook-secret").split(/[,\n]/)[0].trim();
const token = secretOf("metrics-token");
const body = JSON.stringify({ zen: "Tested by helm test.", hook_id: 0 });
const id = randomUUID();

const within = () => AbortSignal.timeout(15_000);
const fail = (message) => {
  console.error(`FAILED: ${message}`);
  process.exit(1);
};

// Right after an installation, the Services may have no ready pods yet.
const retryUntil = Date.now() + 60_000;

async function fetchWithRetries(url, options) {
  for (;;) {
    try {
      const response = await fetch(url, { ...options, signal: within() });
      if (response.status < 500 || Date.now() > retryUntil) return response;
    } catch (error) {
      if (Date.now() > retryUntil) fail(`${url} cannot be reached: ${error.cause?.message ?? error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function post(key) {
  const signature = createHmac("sha256", key).update(body).digest("hex");
  const headers = { "content-type": "application/json", "x-github-event": "ping", "x-github-delivery": id, "x-hub-signature-256": `sha256=${signature}` };
  const response = await fetchWithRetries(WEBHOOK_URL, { method: "POST", headers, body });
  return `${response.status} ${(await response.json()).status}`;
}

async function pings() {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetchWithRetries(`${MANAGEMENT_URL}/metrics`, { headers });
  if (!response.ok) fail(`${MANAGEMENT_URL}/metrics answered ${response.status}`);
  const counts = (await response.text()).match(/^github_events_total\{[^}]*event="ping"[^}]*\} \d+/gm) ?? [];
  return counts.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

// A fetch whose connection is reset may leave nothing that keeps the process alive: it would end without a word.
const keepAlive = setInterval(() => undefined, 1_000);
const before = await pings();
const refused = await post(`not ${secret}`);
if (!refused.startsWith("401")) fail(`a delivery with a wrong signature was answered ${refused} instead of 401`);
const accepted = await post(secret);
if (accepted !== "202 accepted") fail(`the delivery was answered ${accepted} instead of 202 accepted`);
const again = await post(secret);
if (again !== "202 duplicate") fail(`the same delivery was answered ${again} instead of 202 duplicate`);
const hidden = await fetch(new URL("/metrics", WEBHOOK_URL), { signal: within() });
if (hidden.status !== 404) fail(`the public port answers /metrics with ${hidden.status} instead of 404`);

for (const until = Date.now() + 60_000; (await pings()) <= before; ) {
  if (Date.now() > until) fail("the ping was stored, but /metrics does not count it: are workers running?");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}
clearInterval(keepAlive);
console.log("A signed ping was stored once, and /metrics counts it.");
