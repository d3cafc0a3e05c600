import type { ActionsState, Attempt } from "../actions-state.js";
import { pageOf } from "../pages.js";
import type { Repositories, RepositoryFacts } from "../repositories.js";
import { restJob, restRun } from "../rest-actions.js";
import { type Answer, type Call, notFound, ok, okOrNotFound, problem, type Route } from "../route.js";
import { repositoryOf } from "./repositories.js";

/** A filtered list of runs ends here, whatever `total_count` is. */
const REACHABLE = 1_000;

/** Parses `created` of the query: `>=T`, `>T`, `<=T`, `<T`, `T..T` or a day. Undefined if it is invalid. */
export function createdFilter(text: string | null): ((at: number) => boolean) | undefined {
  if (text === null) return () => true;
  const match = /^(>=|>|<=|<)?([^.<>=]+)(?:\.\.([^.<>=]+))?$/.exec(text);
  const from = Date.parse(match?.[2] ?? "");
  if (Number.isNaN(from)) return undefined;
  if (match?.[3] !== undefined) return (at) => at >= from && at <= Date.parse(match[3] ?? "");
  switch (match?.[1]) {
    case ">=":
      return (at) => at >= from;
    case ">":
      return (at) => at > from;
    case "<=":
      return (at) => at <= from;
    case "<":
      return (at) => at < from;
    default:
      return (at) => at >= from && at < from + 86_400_000;
  }
}

/** Runs, their attempts and jobs. */
export function actionsRoutes(actions: ActionsState, repositories: Repositories): Route[] {
  const get = (path: string, handle: (call: Call, repository: RepositoryFacts) => Answer): Route => ({
    method: "GET",
    pattern: `/repos/{owner}/{repo}/actions${path}`,
    as: "anyToken",
    handle(call) {
      const repository = repositoryOf(call, repositories);
      return repository ? handle(call, repository) : notFound();
    },
  });
  const one = (call: Call, repository: RepositoryFacts, attempt: Attempt | undefined) =>
    okOrNotFound(attempt && restRun(attempt, repository, call.base));

  return [
    get("/runs", (call, repository) => {
      const status = call.query.get("status");
      const wasCreated = createdFilter(call.query.get("created"));
      if (!wasCreated) return problem(422, "created is no range of dates");
      const all = actions.runs(repository.full_name).filter(({ snapshot }) => {
        const fits = status === null || snapshot.status === status || snapshot.conclusion === status;
        return fits && wasCreated(Date.parse(String(snapshot.payload["created_at"])));
      });
      const isFiltered = status !== null || call.query.has("created");
      const { items, headers } = pageOf(call, all, isFiltered ? REACHABLE : undefined);
      return ok({ total_count: all.length, workflow_runs: items.map((attempt) => restRun(attempt, repository, call.base)) }, headers);
    }),
    get("/runs/{run}", (call, repository) => one(call, repository, actions.run(repository.full_name, call.number("run")))),
    get("/runs/{run}/attempts/{attempt}", (call, repository) =>
      one(call, repository, actions.attempt(repository.full_name, call.number("run"), call.number("attempt"))),
    ),
    get("/runs/{run}/attempts/{attempt}/jobs", (call, repository) => {
      const all = actions.jobs(repository.full_name, call.number("run"), call.number("attempt"));
      if (!all) return notFound();
      const { items, headers } = pageOf(call, all);
      return ok({ total_count: all.length, jobs: items.map((job) => restJob(job, repository, call.base)) }, headers);
    }),
    get("/jobs/{job}", (call, repository) => {
      const job = actions.job(repository.full_name, call.number("job"));
      return okOrNotFound(job && restJob(job, repository, call.base));
    }),
  ];
}
