import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config, type Hook } from "../config/index.js";
import { Leadership, SchemaGate } from "../database/index.js";
import { GitHubError, HookLog } from "../github/index.js";
import { HookAudits } from "./hook-audits.js";

/** Longest interval between checks for a due hook. */
const MAX_CHECK_INTERVAL_SECONDS = 5;

/**
 * Audits GitHub's delivery log of each hook, from the newest entry back to the last verified time, one page per round.
 * The cursor is a row, so memory is bounded by one page and any replica can continue.
 */
@Injectable()
export class AuditLoop extends BackgroundLoop {
  readonly #hooks: ReadonlyMap<string, Hook>;
  readonly #canAsk: boolean;
  /** The leader term in which the hooks were registered; another leader may have other hooks configured. */
  #registered: string | undefined;

  constructor(
    private readonly leadership: Leadership,
    private readonly audits: HookAudits,
    private readonly log: HookLog,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "GITHUB_HOOKS" | "AUDIT_INTERVAL" | "GITHUB_TOKEN" | "GITHUB_APP_ID">,
  ) {
    super("reconcile/audit", Math.min(MAX_CHECK_INTERVAL_SECONDS, config.AUDIT_INTERVAL), schema.ready);
    this.#canAsk = config.GITHUB_TOKEN !== undefined || config.GITHUB_APP_ID !== undefined;
    this.#hooks = new Map(config.GITHUB_HOOKS.map((hook) => [hook.name, hook]));
  }

  override onApplicationBootstrap(): void {
    if (this.#hooks.size === 0 && this.#canAsk)
      this.logger.log(
        "GITHUB_HOOKS is empty: stale runs are looked up, but lost deliveries are not detected; set GITHUB_HOOKS to detect them",
      );
    super.onApplicationBootstrap();
  }

  async runOnce(): Promise<Outcome> {
    const names = [...this.#hooks.keys()];
    const term = names.length === 0 ? undefined : await this.leadership.lead("audit");
    if (term === undefined) return "idle";
    if (this.#registered !== term) await this.audits.register(names);
    this.#registered = term;
    const audit = await this.audits.next(names);
    const hook = audit && this.#hooks.get(audit.hook);
    if (!hook) return "idle";
    try {
      await this.audits.record(audit, await this.log.page(hook, audit.cursor ?? undefined));
    } catch (error) {
      if (!(error instanceof GitHubError)) throw error;
      await this.audits.fail(audit, error);
    }
    return "again";
  }
}
