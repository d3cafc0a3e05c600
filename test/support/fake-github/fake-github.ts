import { asNumber, asObject, type JsonObject } from "../../../src/simulator/reading.js";
import { Accounts } from "./accounts.js";
import { ActionsState } from "./actions-state.js";
import { type AppKey } from "./app-key.js";
import { Credentials, type PrincipalName } from "./credentials.js";
import { type Delivery, payloadOf } from "./delivery-log.js";
import { type FaultKind, type FaultOptions, Faults } from "./faults.js";
import type { HookSpec, HookTarget } from "./hook.js";
import { Hooks } from "./hooks.js";
import type { FakeGitHubOptions, EventRoute } from "./options.js";
import { type RateLimit, type RateLimitChange, RateLimits } from "./rate-limits.js";
import { factsOf, Repositories, type RepositoryChange } from "./repositories.js";
import { Router } from "./route.js";
import { actionsRoutes } from "./routes/actions.js";
import { appRoutes } from "./routes/app.js";
import { hookRoutes } from "./routes/hooks.js";
import { repositoryRoutes } from "./routes/repositories.js";
import type { LogEntry } from "./schemas.js";
import { type ApiRequest, ApiServer } from "./server.js";

/**
 * A fake GitHub on a loopback port. It sends webhooks for events in its repositories (or withholds them), keeps
 * a log of its deliveries, redelivers on request, and answers REST from all events. All repositories are private.
 */
export class FakeGitHub {
  readonly #credentials = new Credentials();
  readonly #accounts = new Accounts();
  readonly #repositories = new Repositories();
  readonly #actions = new ActionsState();
  readonly #limits = new RateLimits();
  readonly #faults = new Faults();
  readonly #hooks: Hooks;
  readonly #server: ApiServer;
  #stopped: Promise<void> | undefined;

  private constructor(options: FakeGitHubOptions) {
    const { postTimeoutMs = 10_000, redeliverableDays = 3, listedDays = Number.POSITIVE_INFINITY } = options;
    const { redeliveredAt = () => new Date() } = options;
    const installationOf = (account: string) => this.#accounts.of(account)?.id;
    this.#hooks = new Hooks({ postTimeoutMs, redeliveredAt, installationOf, appId: this.app.appId });
    const router = new Router([
      ...hookRoutes(this.#hooks, { redeliverableDays, listedDays }),
      ...actionsRoutes(this.#actions, this.#repositories),
      ...appRoutes(this.#credentials, this.#accounts, this.#repositories),
      ...repositoryRoutes(this.#repositories, this.#accounts),
    ]);
    this.#server = new ApiServer(router, this.#credentials, this.#limits, this.#faults);
  }

  static async start(options: FakeGitHubOptions = {}): Promise<FakeGitHub> {
    const github = new FakeGitHub(options);
    await github.#server.listen();
    if (options.stop === "explicit") return github;
    // Imported here, so that programs other than tests can use the fake too.
    const { onTestFinished } = await import("vitest");
    onTestFinished(() => github.stop());
    return github;
  }

  /** Closes all connections, after the redeliveries in progress. */
  stop(): Promise<void> {
    this.#stopped ??= this.#server.close().then(() => this.settled());
    return this.#stopped;
  }

  /** The value for GITHUB_API_URL. With `/api/v3`, the same API answers like GitHub Enterprise Server. */
  get url(): string {
    return this.#server.url;
  }

  /** The App: its id, and its private key as PEM. */
  get app(): AppKey {
    return this.#credentials.app;
  }

  /** A personal access token with all permissions. */
  get token(): string {
    return this.#credentials.token;
  }

  /** All API requests so far. */
  get requests(): readonly ApiRequest[] {
    return this.#server.requests;
  }

  /** Requests without a route. Tests assert that there are none. */
  get unexpected(): readonly ApiRequest[] {
    return this.#server.unexpected;
  }

  /** performance.now() of each redelivery request. */
  get writes(): readonly number[] {
    return this.#hooks.writes;
  }

  /** The number of redeliveries that fail next, or true for all. */
  get redeliveryFails(): number | true {
    return this.#hooks.redeliveryFails;
  }

  set redeliveryFails(fails: number | true) {
    this.#hooks.redeliveryFails = fails;
  }

  /** Adds a hook, its owner and its repository. For an existing hook, changes its target. */
  addHook(spec: HookSpec, target: HookTarget): void {
    const { owner, repository } = this.#hooks.add(spec, target);
    if (repository !== undefined) this.addRepository(repository);
    else if (owner !== undefined) this.#accounts.add(owner);
  }

  /** Deletes a hook: its routes answer 404, and nothing is sent through it. */
  deleteHook(spec: HookSpec): void {
    this.#hooks.delete(spec);
  }

  /** The log of a hook, oldest first. */
  log(spec: HookSpec): readonly LogEntry[] {
    return this.#hooks.find(spec)?.log.entries ?? [];
  }

  /** Applies an event: REST shows it, and each named hook sends it or not. @returns the log entries */
  async happen(
    delivery: Delivery,
    { hooks, fate = "deliver", deliveredAt = new Date(Date.now() - 60_000) }: EventRoute,
  ): Promise<LogEntry[]> {
    const payload = payloadOf(delivery);
    if (payload) this.#remember(delivery, payload);
    const entries = await Promise.all(hooks.map((spec) => this.#hooks.send(spec, delivery, payload, fate, deliveredAt)));
    return entries.filter((entry) => entry !== undefined);
  }

  /** Resolves when all requested redeliveries have ended. */
  settled(): Promise<void> {
    return this.#hooks.settled();
  }

  /** Adds a repository without events, or changes a known one. */
  addRepository(fullName: string, change: RepositoryChange = {}): void {
    this.#accounts.add(this.#repositories.change(fullName, change).owner);
  }

  /** Deletes it with its runs and hooks. */
  deleteRepository(fullName: string): void {
    this.#repositories.delete(fullName);
    this.#actions.deleteRepository(fullName);
    this.#hooks.deleteOf(fullName);
  }

  deleteRun(runId: number): void {
    this.#actions.deleteRun(runId);
  }

  /** The App's installation on an account. Its tokens use the rate limit of `installation:<id>`. */
  installationId(account: string): number {
    return this.#accounts.add(account).id;
  }

  /** Uninstalls the App there and invalidates its tokens. */
  uninstall(account: string): void {
    this.#accounts.uninstall(account);
    this.#credentials.expireTokens(account);
  }

  /** Rejects all credentials until `restore`. */
  revoke(): void {
    this.#credentials.revoke();
  }

  restore(): void {
    this.#credentials.restore();
  }

  /** Invalidates the installation tokens issued so far. New ones can be requested. */
  expireTokens(): void {
    this.#credentials.expireTokens();
  }

  setRateLimit(principal: PrincipalName, change: RateLimitChange): void {
    this.#limits.set(principal, change);
  }

  rateLimit(principal: PrincipalName): RateLimit {
    return this.#limits.of(principal);
  }

  /** Fails the next `count` matching requests with this fault. */
  fail(count: number, kind: FaultKind, options: FaultOptions = {}): void {
    this.#faults.plan(count, kind, options);
  }

  /** Removes the faults that have not occurred yet. */
  heal(): void {
    this.#faults.clear();
  }

  #remember({ event, deliveryId }: Delivery, payload: JsonObject): void {
    const facts = factsOf(asObject(payload["repository"]) ?? {});
    if (!facts) return;
    this.#accounts.add(facts.owner, asNumber(asObject(payload["organization"])?.["id"]));
    this.#repositories.take(facts);
    this.#actions.take(event, facts.full_name, payload, deliveryId);
  }
}
