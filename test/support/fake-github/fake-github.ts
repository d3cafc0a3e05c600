import { asNumber, asObject, type JsonObject } from "../../../src/simulator/reading.js";
import { Accounts } from "./accounts.js";
import { ActionsState } from "./actions-state.js";
import { type AppKey } from "./app-key.js";
import { Credentials, type PrincipalName } from "./credentials.js";
import { type Delivery, payloadOf } from "./delivery-log.js";
import { type FaultKind, type FaultOptions, Faults } from "./faults.js";
import type { HookSpec, HookTarget } from "./hook.js";
import { Hooks } from "./hooks.js";
import type { FakeGitHubOptions, Telling } from "./options.js";
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
 * A GitHub on a loopback port: it has repositories in which things happen, tells of them by webhooks (or does not), keeps
 * a log of its deliveries, sends them again when asked, and answers REST with the truth. Everything in it is private.
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
    // Loaded here alone, so that what is no test can use the fake too.
    const { onTestFinished } = await import("vitest");
    onTestFinished(() => github.stop());
    return github;
  }

  /** Ends all connections. What is being redelivered is waited for. */
  stop(): Promise<void> {
    this.#stopped ??= this.#server.close().then(() => this.settled());
    return this.#stopped;
  }

  /** GITHUB_API_URL. With `/api/v3` behind it, the same API answers as GitHub Enterprise Server's. */
  get url(): string {
    return this.#server.url;
  }

  /** The app: its id, and its private key as PEM. */
  get app(): AppKey {
    return this.#credentials.app;
  }

  /** A personal access token that may do everything. */
  get token(): string {
    return this.#credentials.token;
  }

  /** All API requests so far. */
  get requests(): readonly ApiRequest[] {
    return this.#server.requests;
  }

  /** Requests that no route takes: a test asserts that there are none. */
  get unexpected(): readonly ApiRequest[] {
    return this.#server.unexpected;
  }

  /** performance.now() of each POST …/attempts. */
  get writes(): readonly number[] {
    return this.#hooks.writes;
  }

  /** How many of the next redeliveries do not reach the receiver; true for all. */
  get redeliveryFails(): number | true {
    return this.#hooks.redeliveryFails;
  }

  set redeliveryFails(fails: number | true) {
    this.#hooks.redeliveryFails = fails;
  }

  /** Adds a hook, its owner and its repository; for a hook that is there, changes where it delivers to. */
  addHook(spec: HookSpec, target: HookTarget): void {
    const { owner, repository } = this.#hooks.add(spec, target);
    if (repository !== undefined) this.addRepository(repository);
    else if (owner !== undefined) this.#accounts.add(owner);
  }

  /** From now on the hook's routes answer 404, and nothing is sent through it. */
  deleteHook(spec: HookSpec): void {
    this.#hooks.delete(spec);
  }

  /** The log of a hook, oldest first. */
  log(spec: HookSpec): readonly LogEntry[] {
    return this.#hooks.find(spec)?.log.entries ?? [];
  }

  /** Something happens: REST shows it from now on, and each hook named tells of it, or not. The entries that were logged. */
  async happen(delivery: Delivery, { hooks, fate = "deliver", deliveredAt = new Date(Date.now() - 60_000) }: Telling): Promise<LogEntry[]> {
    const payload = payloadOf(delivery);
    if (payload) this.#remember(delivery, payload);
    const entries = await Promise.all(hooks.map((spec) => this.#hooks.send(spec, delivery, payload, fate, deliveredAt)));
    return entries.filter((entry) => entry !== undefined);
  }

  /** Until all redeliveries that were asked for are over. */
  settled(): Promise<void> {
    return this.#hooks.settled();
  }

  /** Adds a repository in which nothing has happened yet, or changes what is known of one. */
  addRepository(fullName: string, change: RepositoryChange = {}): void {
    this.#accounts.add(this.#repositories.change(fullName, change).owner);
  }

  /** With its runs and hooks. */
  deleteRepository(fullName: string): void {
    this.#repositories.delete(fullName);
    this.#actions.deleteRepository(fullName);
    this.#hooks.deleteOf(fullName);
  }

  deleteRun(runId: number): void {
    this.#actions.deleteRun(runId);
  }

  /** The app's installation on an account: `installation:<id>` is whose rate limit its tokens use up. */
  installationId(account: string): number {
    return this.#accounts.add(account).id;
  }

  /** The app is no longer installed there, and its tokens are bad. */
  uninstall(account: string): void {
    this.#accounts.uninstall(account);
    this.#credentials.expireTokens(account);
  }

  /** All credentials are bad until `restore`. */
  revoke(): void {
    this.#credentials.revoke();
  }

  restore(): void {
    this.#credentials.restore();
  }

  /** The installation tokens handed out so far are bad; new ones are to be had. */
  expireTokens(): void {
    this.#credentials.expireTokens();
  }

  setRateLimit(principal: PrincipalName, change: RateLimitChange): void {
    this.#limits.set(principal, change);
  }

  rateLimit(principal: PrincipalName): RateLimit {
    return this.#limits.of(principal);
  }

  /** The next `count` requests (that fit) fail in that way. */
  fail(count: number, kind: FaultKind, options: FaultOptions = {}): void {
    this.#faults.plan(count, kind, options);
  }

  /** Takes back the faults that have not happened yet. */
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
