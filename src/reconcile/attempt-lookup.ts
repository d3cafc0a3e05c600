import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Actions, type AttemptName, GitHubError, type RepositoryName, type RequestOptions, type Tagged } from "../github/index.js";
import type { LookupResult } from "../intake/index.js";
import { idAt } from "../workflow-state/index.js";

/** What GitHub said of an attempt. `unseen`: not there, but neither is its repository, to our eyes. */
export type LookedUp =
  | {
      readonly outcome: "answered";
      readonly answers: readonly LookupResult[];
      readonly etags: Etags;
      readonly jobs: readonly number[] | undefined;
    }
  | { readonly outcome: "unchanged"; readonly etags: Etags }
  | { readonly outcome: "gone" | "unseen" };

/** Of the last answers. */
export interface Etags {
  readonly run: string | null;
  readonly jobs: string | null;
}

const NO_ETAGS: Etags = { run: null, jobs: null };
/** What has completed longer ago may have been counted and forgotten since (STATE_RETENTION is at least 30 days). Milliseconds. */
const FORGETTABLE = 29 * 86_400_000;

type JsonObject = Readonly<Record<string, unknown>>;

/** Asks GitHub how an attempt and its jobs stand, and words the answers as events. */
@Injectable()
export class AttemptLookup {
  readonly #logger = new Logger("reconcile/lookup");

  constructor(
    private readonly actions: Actions,
    @Inject(CONFIG) private readonly config: Pick<Config, "BRANCH_LABEL">,
  ) {}

  /**
   * @param withRun whether the run itself is of interest, or its jobs alone
   * @throws {GitHubError} but where the attempt is gone
   */
  async ask(name: AttemptName, options: RequestOptions, withRun: boolean, etags: Etags = NO_ETAGS): Promise<LookedUp> {
    const askedRun = Date.now();
    const run = withRun ? await unlessGone(() => this.actions.attempt(name, options, etags.run ?? undefined)) : undefined;
    const askedJobs = Date.now();
    const jobs = await unlessGone(() => this.actions.jobs(name, options, etags.jobs ?? undefined));
    // One of them is no longer there only where both are not.
    if (jobs instanceof GitHubError && (run === undefined || run instanceof GitHubError))
      return { outcome: await this.#gone(name, jobs, options) };
    const [runSaid, jobsSaid] = [fresh(run), fresh(jobs)];
    const answers: LookupResult[] = [];
    if (runSaid) answers.push(await this.runAnswer(name, runSaid.said, askedRun, options));
    const repository = runSaid ? repositoryOf(runSaid.said, name) : name;
    for (const job of jobsSaid?.said ?? []) if (!isForgettable(job, askedJobs)) answers.push(jobAnswer(name, repository, job, askedJobs));
    const now = {
      run: run === "unchanged" ? etags.run : (runSaid?.etag ?? null),
      jobs: jobs === "unchanged" ? etags.jobs : (jobsSaid?.etag ?? null),
    };
    if (!runSaid && !jobsSaid) return { outcome: "unchanged", etags: now };
    return { outcome: "answered", answers, etags: now, jobs: jobsSaid?.said.map((job) => Number(job["id"])) };
  }

  /** A REST run as the payload of an event, which says the default branch, as REST does not. @param asked milliseconds since 1970 @throws {GitHubError} */
  async runAnswer(name: RepositoryName, run: JsonObject, asked: number, options: RequestOptions): Promise<LookupResult> {
    const repository = repositoryOf(run, name);
    const defaultBranch = this.config.BRANCH_LABEL === "class" ? await this.actions.defaultBranch(repository, options) : "";
    const payload = { action: "", workflow_run: run, repository: { ...payloadOf(repository), default_branch: defaultBranch } };
    return { id: idAt(asked), event: "workflow_run.lookup", payload };
  }

  /** GitHub answers 404 as well to whoever may not see the repository: that closes nothing. */
  async #gone(name: RepositoryName, { status }: GitHubError, options: RequestOptions): Promise<"gone" | "unseen"> {
    if (status === 410 || (await this.actions.isVisible(name, options))) return "gone";
    this.#logger.warn(
      `${name.owner}/${name.repo} is not to be seen with these credentials: give them access, or what is open there comes to be lost`,
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

/** What was said, where it is there and has changed. */
const fresh = <T>(answer: Tagged<T> | "unchanged" | GitHubError | undefined): Tagged<T> | undefined =>
  answer === undefined || answer === "unchanged" || answer instanceof GitHubError ? undefined : answer;

/** A REST job as the payload of an event. @param asked milliseconds since 1970 */
export function jobAnswer(
  { runId, runAttempt }: Pick<AttemptName, "runId" | "runAttempt">,
  repository: RepositoryName,
  job: JsonObject,
  asked: number,
): LookupResult {
  // Older servers leave the attempt out.
  const payload = { action: "", workflow_job: { run_id: runId, run_attempt: runAttempt, ...job }, repository: payloadOf(repository) };
  return { id: idAt(asked), event: "workflow_job.lookup", payload };
}

/** As GitHub spells it now: it may have been renamed, or asked for in another case. */
export function repositoryOf(run: JsonObject, asked: RepositoryName): RepositoryName {
  const fullName = (run["repository"] as { full_name?: unknown } | undefined)?.full_name;
  const [owner, repo] = typeof fullName === "string" ? fullName.split("/") : [];
  return owner && repo ? { owner, repo } : { owner: asked.owner, repo: asked.repo };
}

const payloadOf = ({ owner, repo }: RepositoryName) => ({ name: repo, full_name: `${owner}/${repo}`, owner: { login: owner } });

const isForgettable = (job: JsonObject, now: number): boolean => Date.parse(String(job["completed_at"])) < now - FORGETTABLE;
