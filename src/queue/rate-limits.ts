import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import type { RateLimits } from "../config/rate-limits.js";
import { Database } from "../database/database.js";
import type { LimitedRow } from "./claim.sql.js";
import { payloadEventOf } from "../events/lookup-event.js";
import { type Delay, GRANTED } from "./delay.sql.js";
import { projectionOf } from "../events/project.js";
import { repositoryOf } from "../events/repository-of.js";
import { type Demand, leaseBlocks, returnBlocks } from "./rate-limits.sql.js";

/** Longest wait for the limits. Seconds. */
const TIMEOUT = 5;

/** What of a batch may be processed, and what has to wait. */
export interface LimitDecision {
  readonly now: readonly LimitedRow[];
  readonly later: readonly Delay[];
  /** What it took of the limits. */
  readonly leased: readonly Demand[];
}

/**
 * Holds owners and repositories to `RATE_LIMITS`, over all workers. A delivery beyond its limit gets the next free moment of
 * that limit and waits for it beside the road; it is put off once for each of its limits, however many wait.
 */
@Injectable()
export class FleetRateLimits {
  readonly isOn: boolean;

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Pick<Config, "RATE_LIMITS">,
  ) {
    this.isOn = config.RATE_LIMITS.owners.size + config.RATE_LIMITS.repositories.size > 0;
  }

  /** Repositories first: what their limits put off takes nothing of their owners'. */
  async judge(held: readonly LimitedRow[]): Promise<LimitDecision> {
    if (!this.isOn) return { now: held, later: [], leased: [] };
    const repositories = await this.#pass(held, GRANTED.repository, repositoryLimit);
    const owners = await this.#pass(repositories.now, GRANTED.all, ownerLimit).catch(async (error: unknown) => {
      await this.giveBack(repositories.leased);
      throw error;
    });
    return {
      now: owners.now,
      later: [...repositories.later, ...owners.later],
      leased: [...repositories.leased, ...owners.leased],
    };
  }

  /** The batch came to nothing. It may fail: then the turns pass unused. */
  async giveBack(leased: readonly Demand[]): Promise<void> {
    if (leased.length > 0) await returnBlocks(this.database.within(TIMEOUT), leased).catch(() => undefined);
  }

  async #pass(held: readonly LimitedRow[], granted: number, limitOf: typeof ownerLimit): Promise<LimitDecision> {
    const limited = new Map<LimitedRow, Limit>();
    for (const row of held) {
      const limit = (row.granted ?? GRANTED.none) < granted ? limitOf(this.config.RATE_LIMITS, repositoryOfRow(row)) : undefined;
      if (limit) limited.set(row, limit);
    }
    if (limited.size === 0) return { now: held, later: [], leased: [] };
    const blocks = await leaseBlocks(this.database.within(TIMEOUT), demandsOf([...limited.values()]));
    const turns = new Map(blocks.map(({ name, from, now }) => [name, { at: from, now }]));
    const [now, later]: [LimitedRow[], Delay[]] = [[], []];
    for (const row of held) {
      const limit = limited.get(row);
      const turn = limit && turns.get(limit.name);
      if (!turn || turn.at <= turn.now) now.push(row);
      else later.push({ key: row, dueAt: turn.at, granted });
      if (turn) turn.at += 1_000 / limit.rate;
    }
    return { now, later, leased: blocks };
  }
}

/** A dead letter that was put back has no projection any more. */
function repositoryOfRow({ event, form, projection, payload }: LimitedRow): string {
  return repositoryOf(projection ?? String((payload && projectionOf(payloadEventOf(event), form, payload)) ?? ""));
}

interface Limit {
  readonly name: string;
  readonly rate: number;
}

/** The limit of a repository, named `owner/name`; undefined where it has none. */
function repositoryLimit({ repositories }: RateLimits, name: string): Limit | undefined {
  if (name === "") return undefined;
  const rate = repositories.get(name) ?? repositories.get(`${ownerIn(name)}/*`) ?? repositories.get("*/*");
  return rate === undefined ? undefined : { name, rate };
}

function ownerLimit({ owners }: RateLimits, name: string): Limit | undefined {
  if (name === "") return undefined;
  const rate = owners.get(ownerIn(name)) ?? owners.get("*");
  return rate === undefined ? undefined : { name: ownerIn(name), rate };
}

const ownerIn = (name: string): string => name.split("/", 1)[0] ?? "";

function demandsOf(limits: readonly Limit[]): Demand[] {
  const demands = new Map<string, { name: string; count: number; rate: number }>();
  for (const { name, rate } of limits) {
    const demand = demands.get(name);
    if (demand) demand.count += 1;
    else demands.set(name, { name, count: 1, rate });
  }
  return [...demands.values()];
}
