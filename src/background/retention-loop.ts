import { BackgroundLoop, type Outcome } from "./background-loop.js";

/** Leadership (database/leadership.ts) implements it. Declared here, because `background` may not import `database`. */
interface RetentionLeadership {
  lead(role: "retention"): Promise<string | undefined>;
}

/** Deletes old rows in small transactions, in the process that leads `retention`. */
export abstract class RetentionLoop extends BackgroundLoop {
  protected constructor(
    name: string,
    intervalSeconds: number,
    ready: Promise<void>,
    private readonly leadership: RetentionLeadership,
  ) {
    super(name, intervalSeconds, ready);
  }

  async runOnce(): Promise<Outcome> {
    if ((await this.leadership.lead("retention")) === undefined) return "idle";
    return (await this.deleteOld()) ? "again" : "idle";
  }

  /** Deletes one batch. @returns whether there may be more to delete now */
  protected abstract deleteOld(): Promise<boolean>;
}
