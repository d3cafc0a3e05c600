import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config, type Hook } from "../config/index.js";
import { Leadership, SchemaGate } from "../database/index.js";
import { GitHubError, HookLog } from "../github/index.js";
import { HookAudits } from "./hook-audits.js";

/** How often an idle leader looks whether a hook is due, at least. Seconds. */
const LOOK_EVERY = 5;

/**
 * The delivery auditor: reads the log that GitHub keeps of each hook, from the newest entry back to the last verified
 * point, one page a round. Where the walk stands is a row, so that memory is bounded by a page and any replica goes on.
 */
@Injectable()
export class AuditLoop extends BackgroundLoop {
  readonly #hooks: ReadonlyMap<string, Hook>;
  readonly #canAsk: boolean;
  /** Of whose term the hooks are registered: another leader may have had other ones. */
  #registered: string | undefined;

  constructor(
    private readonly leadership: Leadership,
    private readonly audits: HookAudits,
    private readonly log: HookLog,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "GITHUB_HOOKS" | "AUDIT_INTERVAL" | "GITHUB_TOKEN" | "GITHUB_APP_ID">,
  ) {
    super("reconcile/audit", Math.min(LOOK_EVERY, config.AUDIT_INTERVAL), schema.ready);
    this.#canAsk = config.GITHUB_TOKEN !== undefined || config.GITHUB_APP_ID !== undefined;
    this.#hooks = new Map(config.GITHUB_HOOKS.map((hook) => [hook.name, hook]));
  }

  override onApplicationBootstrap(): void {
    if (this.#hooks.size === 0 && this.#canAsk)
      this.logger.log("GITHUB_HOOKS is empty: open runs are looked up, but what GitHub lost is not looked for");
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
