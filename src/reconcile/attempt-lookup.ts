import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import { Actions, type AttemptName, type Manner, type RepositoryName } from "../github/actions.js";
import { GitHubError } from "../github/failure.js";
import type { AnswerDelivery } from "../inbox/answers.js";
import { idAt } from "../workflow-state/event-time.js";

/** What GitHub said of an attempt. `unseen`: not there, but neither is its repository, to our eyes. */
export type LookedUp =
  | { readonly outcome: "answered"; readonly answers: readonly AnswerDelivery[]; readonly etags: Etags }
  | { readonly outcome: "unchanged"; readonly etags: Etags }
  | { readonly outcome: "gone" | "unseen" };

/** Of the last answers. */
export interface Etags {
  readonly run: string | null;
  readonly jobs: string | null;
}

const NO_ETAGS: Etags = { run: null, jobs: null };

type Fields = Readonly<Record<string, unknown>>;

/** Asks GitHub how an attempt and its jobs stand, and words the answers as events. */
@Injectable()
export class AttemptLookup {
  readonly #logger = new Logger("lookup");

  constructor(
    private readonly actions: Actions,
    @Inject(CONFIG) private readonly config: Pick<Config, "BRANCH_LABEL">,
  ) {}

  /**
   * @param withRun whether the run itself is of interest, or its jobs alone
   * @throws {GitHubError} but where the attempt is gone
   */
  async ask(name: AttemptName, manner: Manner, withRun: boolean, etags: Etags = NO_ETAGS): Promise<LookedUp> {
    try {
      const answers: AnswerDelivery[] = [];
      const run = withRun ? await this.actions.attempt(name, manner, etags.run ?? undefined) : "unchanged";
      if (run !== "unchanged") answers.push(await this.runAnswer(name, run.said, manner));
      const asked = Date.now();
      const jobs = await this.actions.jobs(name, manner, etags.jobs ?? undefined);
      if (jobs !== "unchanged") answers.push(...jobs.said.map((job) => jobAnswer(name, job, asked)));
      const now = {
        run: run === "unchanged" ? etags.run : (run.etag ?? null),
        jobs: jobs === "unchanged" ? etags.jobs : (jobs.etag ?? null),
      };
      return answers.length === 0 ? { outcome: "unchanged", etags: now } : { outcome: "answered", answers, etags: now };
    } catch (error) {
      if (!(error instanceof GitHubError) || error.outcome !== "gone") throw error;
      return { outcome: error.status === 410 || (await this.#isSeen(name, manner)) ? "gone" : "unseen" };
    }
  }

  /** A REST run as the payload of an event, which says the default branch, as REST does not. @throws {GitHubError} */
  async runAnswer(name: RepositoryName, run: Fields, manner: Manner): Promise<AnswerDelivery> {
    const asked = Date.now();
    const defaultBranch = this.config.BRANCH_LABEL === "class" ? await this.actions.defaultBranch(name, manner) : "";
    const payload = { action: "", workflow_run: run, repository: { ...repositoryOf(name), default_branch: defaultBranch } };
    return { id: idAt(asked), event: "workflow_run.lookup", payload };
  }

  /** GitHub answers 404 as well to whoever may not see the repository: that closes nothing. */
  async #isSeen(name: RepositoryName, manner: Manner): Promise<boolean> {
    try {
      await this.actions.defaultBranch(name, manner);
      return true;
    } catch (error) {
      if (!(error instanceof GitHubError) || error.outcome !== "gone") throw error;
      this.#logger.warn(
        `${name.owner}/${name.repo} is not to be seen with these credentials: give them access, or what is open there comes to be lost`,
      );
      return false;
    }
  }
}

/** A REST job as the payload of an event. @param asked milliseconds since 1970 */
export function jobAnswer(name: RepositoryName, job: Fields, asked: number): AnswerDelivery {
  return { id: idAt(asked), event: "workflow_job.lookup", payload: { action: "", workflow_job: job, repository: repositoryOf(name) } };
}

const repositoryOf = ({ owner, repo }: RepositoryName) => ({ name: repo, full_name: `${owner}/${repo}`, owner: { login: owner } });
