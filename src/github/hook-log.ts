import { Injectable, Logger } from "@nestjs/common";
import { z } from "zod";
import type { Hook } from "../config/index.js";
import { GitHubError } from "./failure.js";
import { GitHub } from "./github.js";
import { Limits } from "./limits.js";

/** GitHub's maximum. */
const PER_PAGE = 100;
/** Shares of the rate limit to leave for other users of the same credentials. */
const RESERVES = { read: 0.02, write: 0.1 };

/** An entry of the delivery log: one attempt of GitHub to send a delivery. */
export interface LoggedDelivery {
  readonly logId: bigint;
  /** The delivery id, in lower case; the same for all attempts. */
  readonly id: string;
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly deliveredAt: number;
}

/** A page of the log, newest first. */
export interface LogPage {
  readonly deliveries: readonly LoggedDelivery[];
  /** The cursor of the next, older page. */
  readonly next: string | undefined;
  /** Milliseconds since 1970, by GitHub's clock. */
  readonly answeredAt: number | undefined;
}

// https://docs.github.com/rest/orgs/webhooks#list-deliveries-for-an-organization-webhook
// Ids have 64 bits; octokit returns those beyond 2^53 as bigint.
const ENTRY = z.object({
  id: z.union([z.int(), z.bigint()]),
  guid: z.guid().toLowerCase(),
  event: z.string(),
  delivered_at: z.iso.datetime({ offset: true }),
});

/** Reads GitHub's delivery log of a hook and requests redeliveries. */
@Injectable()
export class HookLog {
  readonly #logger = new Logger("github");

  constructor(
    private readonly github: GitHub,
    private readonly limits: Limits,
  ) {}

  /**
   * One page of the log, unfiltered, because the filter for failures omits deliveries without answer.
   * @throws {GitHubError}
   */
  async page(hook: Hook, cursor: string | undefined): Promise<LogPage> {
    const { data, next, answeredAt } = await this.github.ask({
      purpose: hook.name,
      scope: hook.scope,
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

  /** Skips and logs an invalid entry. */
  #read(hook: Hook, entry: unknown): LoggedDelivery[] {
    const { success, data, error } = ENTRY.safeParse(entry);
    if (!success) this.#logger.warn(`skipped an invalid entry in the delivery log of ${hook.name}: ${z.prettifyError(error)}`);
    return success ? [{ logId: BigInt(data.id), id: data.guid, event: data.event, deliveredAt: Date.parse(data.delivered_at) }] : [];
  }

  /** Fails if the next page has no cursor or the same one: the scan would end too early, or never. */
  #cursorOf(hook: Hook, next: string, here: string | undefined): string {
    const cursor = new URLSearchParams(next.slice(next.indexOf("?") + 1)).get("cursor");
    if (cursor === null || cursor === here)
      throw new GitHubError(`the next-page link of the delivery log of ${hook.name} has no new cursor: ${next}`, "invalid", 200);
    return cursor;
  }

  /** Takes a write slot of the fleet. @returns 0 if taken; otherwise the seconds until the next slot */
  takeSlot(): Promise<number> {
    return this.limits.takeWrite();
  }

  /**
   * Requests a redelivery, which has the same delivery id. Call only after {@link takeSlot} returned 0.
   * @throws {GitHubError}
   */
  async redeliver(hook: Hook, logId: string): Promise<void> {
    await this.github.ask({
      purpose: hook.name,
      scope: hook.scope,
      reserve: RESERVES.write,
      method: "POST",
      path: `${hook.path}/deliveries/${logId}/attempts`,
    });
  }
}
