import { maySee } from "../credentials.js";
import { type LogRecord, payloadOf } from "../delivery-log.js";
import type { Hook } from "../hook.js";
import type { Hooks } from "../hooks.js";
import { link, perPage } from "../pages.js";
import { hookHeaders } from "../post.js";
import { type Answer, type Call, notFound, ok, problem, type Route } from "../route.js";
import type { LogEntry, RestDelivery } from "../schemas.js";

const DAY = 86_400_000;

export interface LogOptions {
  /** The number of days in which an entry may be redelivered: 3, or 7 on GitHub Enterprise Server. */
  readonly redeliverableDays: number;
  /** The number of days that the log shows an entry. Infinite by default, so the log may show entries too old for a redelivery. */
  readonly listedDays: number;
}

/** `status` of the query filters by the receiver's answer. A delivery without an answer matches neither value. */
const statuses: Readonly<Record<string, (code: number) => boolean>> = {
  success: (code) => code >= 200 && code < 400,
  failure: (code) => code >= 400 && code < 600,
};

const isOlder = (entry: LogEntry, days: number): boolean => Date.parse(entry.delivered_at) < Date.now() - days * DAY;

function list(hook: Hook, call: Call, { listedDays }: LogOptions): Answer {
  const cursor = call.query.get("cursor");
  const from = cursor === null ? undefined : Number(/^v1_(\d+)$/.exec(cursor)?.[1] ?? Number.NaN);
  const hasStatus = statuses[call.query.get("status") ?? ""] ?? (() => true);
  const shown = (entry: LogEntry) => hasStatus(entry.status_code) && !isOlder(entry, listedDays);
  const size = perPage(call);
  const page = hook.log.page(size, from, shown);
  if (!page) return problem(422, "Invalid cursor");
  return ok(page.entries, page.next === undefined ? {} : { link: link(call, "next", { cursor: `v1_${page.next}`, per_page: size }) });
}

function show(hook: Hook, { entry, delivery }: LogRecord): RestDelivery {
  const payload = payloadOf(delivery) ?? null;
  const installation_id = entry.installation_id === null ? null : Number(entry.installation_id);
  const repository_id = entry.repository_id === null ? null : Number(entry.repository_id);
  return {
    ...entry,
    installation_id,
    repository_id,
    url: hook.target.webhookUrl,
    request: { headers: hookHeaders(hook, delivery), payload: payload && { ...payload } },
    response: { headers: {}, payload: null },
  };
}

/** The delivery log of every kind of hook, and redelivery from it. */
export function hookRoutes(hooks: Hooks, options: LogOptions): Route[] {
  const kinds = [
    { path: "/orgs/{org}/hooks/{hook}", as: "anyToken", spec: (call: Call) => `org:${call.param("org")}:${call.param("hook")}` },
    {
      path: "/repos/{owner}/{repo}/hooks/{hook}",
      as: "anyToken",
      spec: (call: Call) => `repo:${call.param("owner")}/${call.param("repo")}:${call.param("hook")}`,
    },
    { path: "/app/hook", as: "app", spec: () => "app" },
  ] as const;
  return kinds.flatMap(({ path, as, spec }): Route[] => {
    const withHook = (handle: (hook: Hook, call: Call) => Answer) => (call: Call) => {
      const hook = hooks.find(spec(call));
      return hook && maySee(call.principal, hook.owner ?? "") ? handle(hook, call) : notFound();
    };
    const withRecord = (handle: (hook: Hook, record: LogRecord) => Answer) =>
      withHook((hook, call) => {
        const record = hook.log.find(call.number("delivery"));
        return record ? handle(hook, record) : notFound();
      });
    const redeliver = (hook: Hook, record: LogRecord): Answer => {
      if (isOlder(record.entry, options.redeliverableDays)) return problem(422, "This delivery is too old to be redelivered");
      hooks.redeliver(hook, record);
      return { status: 202, body: {} };
    };
    const attempts = withRecord(redeliver);
    return [
      { method: "GET", pattern: `${path}/deliveries`, as, handle: withHook((hook, call) => list(hook, call, options)) },
      { method: "GET", pattern: `${path}/deliveries/{delivery}`, as, handle: withRecord((hook, record) => ok(show(hook, record))) },
      {
        method: "POST",
        pattern: `${path}/deliveries/{delivery}/attempts`,
        as,
        handle: (call) => {
          hooks.writes.push(performance.now());
          return attempts(call);
        },
      },
    ];
  });
}
