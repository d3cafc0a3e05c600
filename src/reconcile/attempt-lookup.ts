import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Actions, type AttemptName, GitHubError, type RepositoryName, type RequestOptions, type Tagged } from "../github/index.js";
import type { LookupResult } from "../intake/index.js";
import { idAt } from "../workflow-state/index.js";

/** Result of a lookup. `unseen`: neither the attempt nor its repository is visible with these credentials. */
export type LookedUp =
  | {
      readonly outcome: "answered";
      readonly answers: readonly LookupResult[];
      readonly etags: Etags;
      readonly jobs: readonly number[] | undefined;
    }
  | { readonly outcome: "unchanged"; readonly etags: Etags }
  | { readonly outcome: "gone" | "unseen" };

/** ETags of the last responses. */
export interface Etags {
  readonly run: string | null;
  readonly jobs: string | null;
}

const NO_ETAGS: Etags = { run: null, jobs: null };
/** Jobs completed longer ago are skipped: their rows may be deleted after counting (STATE_RETENTION is at least 30 days). */
const MAX_COMPLETED_AGE_MS = 29 * 86_400_000;

type JsonObject = Readonly<Record<string, unknown>>;

/** Looks up an attempt and its jobs at GitHub and converts the responses to events. */
@Injectable()
export class AttemptLookup {
  readonly #logger = new Logger("reconcile/lookup");

  constructor(
    private readonly actions: Actions,
    @Inject(CONFIG) private readonly config: Pick<Config, "BRANCH_LABEL">,
  ) {}

  /**
   * @param withRun false to look up the jobs alone
   * @throws {GitHubError} unless the attempt is gone
   */
  async ask(name: AttemptName, options: RequestOptions, withRun: boolean, etags: Etags = NO_ETAGS): Promise<LookedUp> {
    const runRequestedAtMs = Date.now();
    const run = withRun ? await unlessGone(() => this.actions.attempt(name, options, etags.run ?? undefined)) : undefined;
    const jobsRequestedAtMs = Date.now();
    const jobs = await unlessGone(() => this.actions.jobs(name, options, etags.jobs ?? undefined));
    // The attempt is gone only if both the run and its jobs are gone.
    if (jobs instanceof GitHubError && (run === undefined || run instanceof GitHubError))
      return { outcome: await this.#gone(name, jobs, options) };
    const [freshRun, freshJobs] = [fresh(run), fresh(jobs)];
    const answers: LookupResult[] = [];
    if (freshRun) answers.push(await this.runAnswer(name, freshRun.said, runRequestedAtMs, options));
    const repository = freshRun ? repositoryOf(freshRun.said, name) : name;
    for (const job of freshJobs?.said ?? [])
      if (!isTooOld(job, jobsRequestedAtMs)) answers.push(jobAnswer(name, repository, job, jobsRequestedAtMs));
    const now = {
      run: run === "unchanged" ? etags.run : (freshRun?.etag ?? null),
      jobs: jobs === "unchanged" ? etags.jobs : (freshJobs?.etag ?? null),
    };
    if (!freshRun && !freshJobs) return { outcome: "unchanged", etags: now };
    return { outcome: "answered", answers, etags: now, jobs: freshJobs?.said.map((job) => Number(job["id"])) };
  }

  /** Converts a REST run to an event payload and adds the default branch, which the REST run lacks. @throws {GitHubError} */
  async runAnswer(name: RepositoryName, run: JsonObject, requestedAtMs: number, options: RequestOptions): Promise<LookupResult> {
    const repository = repositoryOf(run, name);
    const defaultBranch = this.config.BRANCH_LABEL === "class" ? await this.actions.defaultBranch(repository, options) : "";
    const payload = { action: "", workflow_run: run, repository: { ...payloadOf(repository), default_branch: defaultBranch } };
    return { id: idAt(requestedAtMs), event: "workflow_run.lookup", payload };
  }

  /** GitHub also answers 404 if the credentials cannot see the repository; then nothing is closed. */
  async #gone(name: RepositoryName, { status }: GitHubError, options: RequestOptions): Promise<"gone" | "unseen"> {
    if (status === 410 || (await this.actions.isVisible(name, options))) return "gone";
    this.#logger.warn(
      `${name.owner}/${name.repo} is not visible with these credentials: grant them access, or its open runs and jobs will be marked lost`,
    );
    return "unseen";
  }
}

async function unlessGone<T>(ask: () => Promise<T>): Promise<T | GitHubError> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof GitHubError && error.outcome === "gone") return error;
    throw error;
  }
}

/** The response, unless it is unchanged or gone. */
const fresh = <T>(answer: Tagged<T> | "unchanged" | GitHubError | undefined): Tagged<T> | undefined =>
  answer === undefined || answer === "unchanged" || answer instanceof GitHubError ? undefined : answer;

/** Converts a REST job to an event payload. */
export function jobAnswer(
  { runId, runAttempt }: Pick<AttemptName, "runId" | "runAttempt">,
  repository: RepositoryName,
  job: JsonObject,
  requestedAtMs: number,
): LookupResult {
  // Older Enterprise Servers do not send run_attempt.
  const payload = { action: "", workflow_job: { run_id: runId, run_attempt: runAttempt, ...job }, repository: payloadOf(repository) };
  return { id: idAt(requestedAtMs), event: "workflow_job.lookup", payload };
}

/** The repository as GitHub spells it now; it may have been renamed, or requested in another case. */
export function repositoryOf(run: JsonObject, requested: RepositoryName): RepositoryName {
  const fullName = (run["repository"] as { full_name?: unknown } | undefined)?.full_name;
  const [owner, repo] = typeof fullName === "string" ? fullName.split("/") : [];
  return owner && repo ? { owner, repo } : { owner: requested.owner, repo: requested.repo };
}

const payloadOf = ({ owner, repo }: RepositoryName) => ({ name: repo, full_name: `${owner}/${repo}`, owner: { login: owner } });

const isTooOld = (job: JsonObject, now: number): boolean => Date.parse(String(job["completed_at"])) < now - MAX_COMPLETED_AGE_MS;
