import { randomUUID } from "node:crypto";
import { Logger } from "@nestjs/common";
import { expect, onTestFinished, vi } from "vitest";
import { parseExposition } from "../../src/simulator/compare.js";
import { AuditLoop } from "../../src/reconcile/audit.loop.js";
import { RedeliveryLoop } from "../../src/reconcile/redelivery.loop.js";
import { freshDatabase, rowsOf } from "./database.js";
import { FakeGitHub } from "./fake-github/fake-github.js";
import type { FakeGitHubOptions } from "./fake-github/options.js";
import type { HookSpec } from "./fake-github/hook.js";
import type { Fate } from "./fake-github/hooks.js";
import { stillFleet } from "./fleet.js";
import { SECRET } from "./octogauge.js";

export const HOOK = "org:acme:7";
const DAY = 86_400;

export type Fleet = Awaited<ReturnType<typeof stillFleet>>;

interface Entry {
  readonly id?: string;
  /** Seconds since GitHub sent it. */
  readonly ago?: number;
  readonly fate?: Fate;
  readonly hooks?: readonly HookSpec[];
}

/** A fake GitHub whose hooks deliver nowhere, and a database that has received deliveries for two days. */
export async function setUpAudit({
  hooks = [HOOK],
  github: options = {},
}: { hooks?: readonly HookSpec[]; github?: FakeGitHubOptions } = {}) {
  const github = await FakeGitHub.start(options);
  for (const hook of hooks) github.addHook(hook, { webhookUrl: "http://127.0.0.1:1/webhook", secret: SECRET });
  const url = await freshDatabase();
  await addToLedger(url, [randomUUID()], 2 * DAY);
  return {
    github,
    url,
    /** A replica on that database. The test runs its steps. */
    replica: (overrides: Record<string, string> = {}) =>
      stillFleet(
        {
          GITHUB_API_URL: github.url,
          GITHUB_TOKEN: github.token,
          GITHUB_HOOKS: hooks.join(),
          AUDIT_SETTLE: "0",
          GITHUB_WRITE_INTERVAL: "1ms",
          ...overrides,
        },
        url,
      ),
    /** Adds deliveries to the log that never arrive. @returns their ids */
    async lose(count: number, { id, ago = 60, fate = "failed", hooks: through = [HOOK] }: Entry = {}): Promise<string[]> {
      const ids = Array.from({ length: count }, () => id ?? randomUUID());
      const deliveredAt = new Date(Date.now() - ago * 1_000);
      for (const deliveryId of ids)
        await github.happen({ deliveryId, event: "workflow_job", body: "{}" }, { hooks: through, fate, deliveredAt });
      return ids;
    },
    /** The number of log pages that were requested. */
    pages: () => github.requests.filter(({ method, path }) => method === "GET" && path.endsWith("/deliveries")).length,
  };
}

/** Adds deliveries to the ledger, as if they had arrived. */
export async function addToLedger(url: string, ids: readonly string[], ago = 60): Promise<void> {
  await rowsOf(
    url,
    "INSERT INTO octogauge.delivery_ledger SELECT unnest($1::uuid[]), now() - make_interval(secs => $2) ON CONFLICT DO NOTHING",
    [ids, ago],
  );
}

/** Runs the auditor until it rests. @returns the number of rounds with work */
export async function audit(fleet: Fleet): Promise<number> {
  let rounds = 0;
  while ((await fleet.get(AuditLoop).runOnce()) === "again") rounds += 1;
  return rounds;
}

/** Runs redelivery until nothing is due. */
export async function redeliver(fleet: Fleet): Promise<void> {
  while ((await fleet.get(RedeliveryLoop).runOnce()) === "again");
}

/** Makes the next audit due and ends all pauses. */
export async function letAuditBeDue(url: string): Promise<void> {
  await rowsOf(url, "UPDATE octogauge.audited_hooks SET due_at = now()");
  await rowsOf(url, "UPDATE octogauge.github_limits SET paused_until = now(), resets_at = now()");
}

export const letRedeliveriesBeDue = (url: string) => rowsOf(url, "UPDATE octogauge.missed_deliveries SET due_at = now()");

/** Lets the leader's lease expire, so that another replica may lead. */
export const expireLeader = (url: string) => rowsOf(url, "UPDATE octogauge.leaders SET expires_at = now()");

export interface HookRow {
  readonly walk_cursor: string | null;
  readonly failures: number;
  readonly error: string;
  /** Seconds since the verified point of the log. */
  readonly verified: number;
}

export async function hookRow(url: string, hook: string = HOOK): Promise<HookRow> {
  const [row] = await rowsOf<HookRow & Record<string, unknown>>(
    url,
    `SELECT walk_cursor, failures, error,
       extract(epoch FROM now() - verified_until)::float8 AS verified
     FROM octogauge.audited_hooks WHERE hook = $1`,
    [hook],
  );
  if (!row) throw new Error(`${hook} is not audited`);
  return row;
}

const DUE = {
  hook: `SELECT extract(epoch FROM due_at)::float8 AS due FROM octogauge.audited_hooks WHERE hook = '${HOOK}'`,
  delivery: "SELECT extract(epoch FROM due_at)::float8 AS due FROM octogauge.missed_deliveries",
};

/**
 * Runs an action that sets `due_at` of the hook, or of all missed deliveries. Expects each row to be due this many seconds after
 * a moment during the action.
 * @param slack extra seconds, because GitHub's times are whole seconds
 */
export async function expectRest(
  url: string,
  seconds: number,
  action: () => Promise<unknown>,
  { of = "hook", slack = 0 }: { of?: keyof typeof DUE; slack?: number } = {},
): Promise<void> {
  const clock = async () => (await rowsOf<{ now: number }>(url, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"))[0]!.now;
  const begin = await clock();
  await action();
  const end = await clock();
  const dues = (await rowsOf<{ due: number }>(url, DUE[of])).map(({ due }) => due);
  expect(Math.min(...dues)).toBeGreaterThanOrEqual(begin + seconds);
  expect(Math.max(...dues)).toBeLessThanOrEqual(end + seconds + slack);
}

/** Checks a countdown that stood at `seconds` at the time of this call. @returns the check for a later value */
export function countdown(seconds: number, slack = 0): (left: number | undefined) => void {
  const begin = performance.now();
  return (left) => {
    expect(left).toBeGreaterThanOrEqual(seconds - (performance.now() - begin) / 1_000 - 1);
    expect(left).toBeLessThanOrEqual(seconds + slack);
  };
}

/** Ids of the missed deliveries of a hook, in the order of `ids`. */
export async function missed(url: string, hook: string = HOOK): Promise<Set<string>> {
  const rows = await rowsOf<{ id: string }>(url, "SELECT delivery_id::text AS id FROM octogauge.missed_deliveries WHERE hook = $1", [hook]);
  return new Set(rows.map(({ id }) => id));
}

/** A sample of `/metrics`. */
export async function sample(fleet: Fleet, name: string, labels = `hook="${HOOK}"`): Promise<number | undefined> {
  return parseExposition(await fleet.exposition()).get(`${name}{${labels}}`);
}

/** The log lines from now on, as `level text`. */
export function captureLogLines(): readonly string[] {
  const lines: string[] = [];
  for (const level of ["log", "warn", "error"] as const) {
    const spy = vi.spyOn(Logger.prototype, level).mockImplementation((text: unknown) => void lines.push(`${level} ${String(text)}`));
    onTestFinished(() => spy.mockRestore());
  }
  return lines;
}
