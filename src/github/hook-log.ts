import { Injectable, Logger } from "@nestjs/common";
import { z } from "zod";
import type { Hook } from "../config/index.js";
import { GitHubError } from "./failure.js";
import { GitHub } from "./github.js";
import { Limits } from "./limits.js";

/** What GitHub allows. */
const PER_PAGE = 100;
/** For whoever operates by hand with the same credentials. */
const RESERVES = { read: 0.02, write: 0.1 };

/** One attempt of GitHub's to send a delivery. */
export interface LoggedDelivery {
  readonly logId: bigint;
  /** The delivery id, in lower case. Further attempts have the same. */
  readonly id: string;
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly deliveredAt: number;
}

/** Newest first. */
export interface LogPage {
  readonly deliveries: readonly LoggedDelivery[];
  /** The cursor of the next, older page. */
  readonly next: string | undefined;
  /** When GitHub answered, by its clock. Milliseconds since 1970. */
  readonly answeredAt: number | undefined;
}

// https://docs.github.com/rest/orgs/webhooks#list-deliveries-for-an-organization-webhook
// The ids have 64 bits; octokit gives those beyond 2^53 as bigint.
const ENTRY = z.object({
  id: z.union([z.int(), z.bigint()]),
  guid: z.guid().toLowerCase(),
  event: z.string(),
  delivered_at: z.iso.datetime({ offset: true }),
});

/** The delivery log that GitHub keeps of a hook, and redeliveries from it. */
@Injectable()
export class HookLog {
  readonly #logger = new Logger("github");

  constructor(
    private readonly github: GitHub,
    private readonly limits: Limits,
  ) {}

  /**
   * One page of the log, unfiltered: the filter for failures leaves those out that were never answered.
   * @throws {GitHubError}
   */
  async page(hook: Hook, cursor: string | undefined): Promise<LogPage> {
    const { data, next, answeredAt } = await this.github.ask({
      purpose: hook.name,
      whose: hook.scope,
      reserve: RESERVES.read,
      path: `${hook.path}/deliveries`,
      query: { per_page: PER_PAGE, ...(cursor === undefined ? {} : { cursor }) },
    });
    if (!Array.isArray(data)) throw new GitHubError(`the delivery log of ${hook.name} is not a list`, "invalid", 200);
    return {
      deliveries: data.flatMap((entry: unknown) => this.#read(hook, entry)),
      next: next === undefined ? undefined : this.#cursorOf(hook, next, cursor),
      answeredAt,
    };
  }

  /** An entry that says nothing usable hides none of the others. */
  #read(hook: Hook, entry: unknown): LoggedDelivery[] {
    const { success, data, error } = ENTRY.safeParse(entry);
    if (!success)
      this.#logger.warn(`an entry in the log of ${hook.name} is not as expected, going on without it: ${z.prettifyError(error)}`);
    return success ? [{ logId: BigInt(data.id), id: data.guid, event: data.event, deliveredAt: Date.parse(data.delivered_at) }] : [];
  }

  /** To go on from nowhere, or from here, would end the walk too early, or never. */
  #cursorOf(hook: Hook, next: string, here: string | undefined): string {
    const cursor = new URLSearchParams(next.slice(next.indexOf("?") + 1)).get("cursor");
    if (cursor === null || cursor === here)
      throw new GitHubError(`the delivery log of ${hook.name} goes on nowhere: ${next}`, "invalid", 200);
    return cursor;
  }

  /** Takes the fleet's turn to write. @returns seconds to wait and ask again, 0 where the turn is ours */
  takeTurn(): Promise<number> {
    return this.limits.takeWrite();
  }

  /**
   * Asks GitHub to send a delivery once more, under its id; only after {@link takeTurn}.
   * @throws {GitHubError}
   */
  async redeliver(hook: Hook, logId: string): Promise<void> {
    await this.github.ask({
      purpose: hook.name,
      whose: hook.scope,
      reserve: RESERVES.write,
      method: "POST",
      path: `${hook.path}/deliveries/${logId}/attempts`,
    });
  }
}
