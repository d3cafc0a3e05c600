import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Database, float8Array, int2Array, int4Array, int8Array, type Queryable, sql, textArray } from "../database/index.js";
import { payloadEventOf, projectionOf, repositoryOf } from "../events/index.js";
import { DELAYED_LANES, LANES } from "../intake/index.js";
import type { HeldRow } from "./claim.sql.js";

/** Time-out of a statement that takes or returns slots. */
const TIMEOUT_SECONDS = 5;
/** After a pause, a limit lets this many seconds' worth pass at once. */
const BURST_SECONDS = 1;

/** Which limits a row has passed: none, that of its repository, or that of its owner as well. */
const GRANTED = { none: 0, repository: 1, all: 2 } as const;

/** Slots that a batch took of one limit. */
export interface LimitLease {
  readonly name: string;
  readonly count: number;
  readonly ratePerSecond: number;
}

/** A lease with its times: one slot after the other, by the database's clock. */
interface GrantedLease extends LimitLease {
  /** Milliseconds since 1970. */
  readonly firstSlotMs: number;
  readonly nowMs: number;
}

/** A row that waits for its slot. */
interface Delay {
  readonly key: HeldRow;
  /** Milliseconds since 1970, by the database's clock. */
  readonly dueMs: number;
  /** The limits that the row has then passed (a value of GRANTED). */
  readonly granted: number;
}

export interface LimitDecision {
  /** Rows to be processed now. */
  readonly pass: readonly HeldRow[];
  /** Rows that wait. */
  readonly delays: readonly Delay[];
  readonly leases: readonly LimitLease[];
}

// A lease begins where the last one ended, also if another worker took it, so the limit holds over all workers.
const LEASE = `
  INSERT INTO octogauge.rate_limits AS l (name, used_until)
  SELECT name, now() + make_interval(secs => count / rate - ${BURST_SECONDS}) FROM unnest($1::text[], $2::integer[], $3::float8[]) AS d(name, count, rate) ORDER BY name
  ON CONFLICT (name) DO UPDATE SET used_until = greatest(l.used_until, now() - interval '${BURST_SECONDS} s') + (excluded.used_until - now() + interval '${BURST_SECONDS} s')
  RETURNING name, (extract(epoch FROM used_until) * 1000)::float8 AS until, (extract(epoch FROM now()) * 1000)::float8 AS now`;

const GIVE_BACK = `
  UPDATE octogauge.rate_limits l SET used_until = l.used_until - make_interval(secs => d.count / d.rate)
  FROM unnest($1::text[], $2::integer[], $3::float8[]) AS d(name, count, rate) WHERE l.name = d.name COLLATE "C"`;

// A delayed row moves to a lane that claims do not scan (they find due rows by `due_at`), and keeps its sequence number. Only rows outside those lanes move.
const DELAY = `
  UPDATE octogauge.inbox i SET due_at = to_timestamp(k.due / 1000.0), granted = k.granted,
    priority = i.priority + CASE WHEN i.priority < ${DELAYED_LANES[0]} THEN ${LANES.length} ELSE 0 END
  FROM unnest($1::smallint[], $2::bigint[], $3::float8[], $4::smallint[]) AS k(priority, seq, due, granted), LATERAL (
    SELECT ctid AS place FROM octogauge.inbox WHERE priority = k.priority AND seq = k.seq LIMIT 1) row
  WHERE i.ctid = row.place`;

/**
 * Applies RATE_LIMITS of owners and repositories over all workers. A delivery beyond a limit gets the next free slot of that limit
 * and waits for it outside the lanes. Each limit delays it at most once, however many deliveries wait.
 */
@Injectable()
export class RateLimits {
  readonly areConfigured: boolean;

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Pick<Config, "RATE_LIMITS">,
  ) {
    this.areConfigured = config.RATE_LIMITS.owners.size + config.RATE_LIMITS.repositories.size > 0;
  }

  /** Decides which rows pass, and delays the others in the transaction of `on`. */
  async apply(on: Queryable, held: readonly HeldRow[]): Promise<LimitDecision> {
    const decision = await this.#decide(held);
    try {
      if (decision.delays.length > 0) await delay(on, decision.delays);
      return decision;
    } catch (error) {
      await this.giveBack(decision.leases);
      throw error;
    }
  }

  /** Returns the slots of a batch that was rolled back. If that fails, the slots stay unused. */
  async giveBack(leases: readonly LimitLease[]): Promise<void> {
    if (leases.length > 0) await sql(this.database.within(TIMEOUT_SECONDS), GIVE_BACK, parametersOf(leases)).catch(() => undefined);
  }

  /** Repositories come first: a row that a repository's limit delays takes no slot of its owner. */
  async #decide(held: readonly HeldRow[]): Promise<LimitDecision> {
    if (!this.areConfigured) return { pass: held, delays: [], leases: [] };
    const repositories = await this.#decideBy(held, GRANTED.repository, (name) => this.#repositoryLimit(name));
    const owners = await this.#decideBy(repositories.pass, GRANTED.all, (name) => this.#ownerLimit(name)).catch(async (error: unknown) => {
      await this.giveBack(repositories.leases);
      throw error;
    });
    return {
      pass: owners.pass,
      delays: [...repositories.delays, ...owners.delays],
      leases: [...repositories.leases, ...owners.leases],
    };
  }

  async #decideBy(held: readonly HeldRow[], granted: number, limitOf: (repository: string) => Limit | undefined): Promise<LimitDecision> {
    const limited = new Map<HeldRow, Limit>();
    for (const row of held) {
      const limit = (row.granted ?? GRANTED.none) < granted ? limitOf(repositoryOfRow(row)) : undefined;
      if (limit) limited.set(row, limit);
    }
    if (limited.size === 0) return { pass: held, delays: [], leases: [] };
    const leases = await lease(this.database.within(TIMEOUT_SECONDS), countByLimit([...limited.values()]));
    const slots = new Map(leases.map(({ name, firstSlotMs, nowMs }) => [name, { atMs: firstSlotMs, nowMs }]));
    const [pass, delays]: [HeldRow[], Delay[]] = [[], []];
    for (const row of held) {
      const limit = limited.get(row);
      const slot = limit && slots.get(limit.name);
      if (!slot || slot.atMs <= slot.nowMs) pass.push(row);
      else delays.push({ key: row, dueMs: slot.atMs, granted });
      if (slot) slot.atMs += 1_000 / limit.ratePerSecond;
    }
    return { pass, delays, leases };
  }

  /** The limit of a repository, named `owner/name`; undefined if it has none. */
  #repositoryLimit(name: string): Limit | undefined {
    const { repositories } = this.config.RATE_LIMITS;
    const ratePerSecond = repositories.get(name) ?? repositories.get(`${ownerIn(name)}/*`) ?? repositories.get("*/*");
    return name === "" || ratePerSecond === undefined ? undefined : { name, ratePerSecond };
  }

  #ownerLimit(name: string): Limit | undefined {
    const { owners } = this.config.RATE_LIMITS;
    const ratePerSecond = owners.get(ownerIn(name)) ?? owners.get("*");
    return name === "" || ratePerSecond === undefined ? undefined : { name: ownerIn(name), ratePerSecond };
  }
}

interface Limit {
  readonly name: string;
  readonly ratePerSecond: number;
}

/** A replayed dead letter has no projection. */
function repositoryOfRow({ event, form, projection, payload }: HeldRow): string {
  return repositoryOf(projection ?? String((payload && projectionOf(payloadEventOf(event), form, payload)) ?? ""));
}

const ownerIn = (name: string): string => name.split("/", 1)[0] ?? "";

function countByLimit(limits: readonly Limit[]): LimitLease[] {
  const counts = new Map<string, { name: string; count: number; ratePerSecond: number }>();
  for (const limit of limits) {
    const known = counts.get(limit.name);
    if (known) known.count += 1;
    else counts.set(limit.name, { ...limit, count: 1 });
  }
  return [...counts.values()];
}

/**
 * Takes slots in a commit of its own, so that other workers do not wait for the batch.
 * @param wanted one for each name
 */
async function lease(on: Queryable, wanted: readonly LimitLease[]): Promise<GrantedLease[]> {
  const rows = await sql<{ name: string; until: number; now: number }>(on, LEASE, parametersOf(wanted));
  const byName = new Map(wanted.map((one) => [one.name, one]));
  return rows.map(({ name, until, now }) => {
    const { count, ratePerSecond } = byName.get(name)!;
    return { name, count, ratePerSecond, firstSlotMs: until - (count / ratePerSecond) * 1_000, nowMs: now };
  });
}

const parametersOf = (leases: readonly LimitLease[]): unknown[] => [
  textArray(leases.map(({ name }) => name)),
  int4Array(leases.map(({ count }) => count)),
  float8Array(leases.map(({ ratePerSecond }) => ratePerSecond)),
];

/** Delays rows that this transaction holds. */
async function delay(on: Queryable, delays: readonly Delay[]): Promise<void> {
  await sql(on, DELAY, [
    int2Array(delays.map(({ key }) => key.priority)),
    int8Array(delays.map(({ key }) => Number(key.seq))),
    float8Array(delays.map(({ dueMs }) => dueMs)),
    int2Array(delays.map(({ granted }) => granted)),
  ]);
}
