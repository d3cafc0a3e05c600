import pg from "pg";
import { type DatabaseAddress, readDatabaseUrl } from "../config/index.js";
import { messageOf } from "../logging/index.js";
import { sqlState } from "./errors.js";
import { type Route, routesOf } from "./routes.js";
import { inspect, type Session } from "./session.js";

/** Error text of node-postgres for a server without TLS. */
const NO_TLS = /does not support SSL/;

/** SQLSTATE invalid_authorization_specification. pg_hba.conf has no entry for this route, but may have one with or without TLS. */
const NO_HBA_ENTRY = "28000";

type Failure = Error & { code?: string };

/** Caches the working route of the current URL. */
class RouteCache {
  #cached: { readonly url: string; readonly route: Promise<Route> } | undefined;

  route(url: string, search: () => Promise<Route>): Promise<Route> {
    if (this.#cached?.url !== url) this.#cached = { url, route: search() };
    const { route } = this.#cached;
    route.catch(() => this.forget());
    return route;
  }

  forget(): void {
    this.#cached = undefined;
  }
}

/**
 * Client class for a pool. Each client reads the current URL, whose password may have been rotated. It takes the first
 * working route: of several hosts one that accepts writes, with or without TLS as libpq does.
 */
export function clientsFor(currentUrl: () => string): typeof pg.Client {
  const routes = new RouteCache();
  return class ConnectingClient extends pg.Client {
    readonly #url: string;
    readonly #hosts: ReturnType<typeof routesOf>;
    readonly #settings: pg.ClientConfig;
    session: Session | undefined;

    constructor(config: pg.ClientConfig) {
      const url = currentUrl();
      const address = readDatabaseUrl(url);
      const hosts = routesOf(address);
      const settings = settingsOf(config, address);
      super({ ...settings, ...hosts[0]![0] });
      this.#url = url;
      this.#hosts = hosts;
      this.#settings = settings;
      // An error event without a listener ends the process. The pool does not listen while it hands the client over;
      // the next statement reports the error.
      this.on("error", () => undefined);
    }

    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<pg.Client> | void {
      const connecting = this.#connect();
      if (!callback) return connecting.then(() => this);
      connecting.then(() => callback(undefined as unknown as Error), callback);
    }

    async #connect(): Promise<void> {
      const hasOneRoute = this.#hosts.length === 1 && this.#hosts[0]!.length === 1;
      if (!hasOneRoute) useRoute(this, await routes.route(this.#url, () => findRoute(this.#hosts, this.#settings)));
      try {
        await super.connect();
        this.session = await inspect(this);
        if (this.session.isStandby && this.#hosts.length > 1) throw standbyError();
      } catch (error) {
        routes.forget();
        this.end().catch(() => undefined);
        throw error;
      }
    }
  } as unknown as typeof pg.Client;
}

/** Result of {@link inspect} for a client of {@link clientsFor}. */
export const sessionOf = (client: pg.ClientBase): Session | undefined => (client as { session?: Session }).session;

function settingsOf(config: pg.ClientConfig, address: DatabaseAddress): pg.ClientConfig {
  const { user, password, database, options, applicationName = "octogauge", sslnegotiation, channelBinding } = address;
  const given = { user, password, database, options };
  return {
    ...config,
    connectionString: undefined,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    application_name: applicationName,
    enableChannelBinding: channelBinding,
    ...(sslnegotiation === "direct" ? { sslnegotiation } : {}),
  } as pg.ClientConfig;
}

/** Sets the fields that node-postgres fills in its constructor and reads in `connect()`. */
function useRoute(client: pg.Client, { host, port, ssl }: Route): void {
  Object.assign(client, { host, port, ssl });
  (client as unknown as { connection: { ssl: Route["ssl"] } }).connection.ssl = ssl;
}

/** Tries all hosts in parallel, and takes the first one that accepts writes. */
async function findRoute(hosts: ReturnType<typeof routesOf>, settings: pg.ClientConfig): Promise<Route> {
  const isSingleHost = hosts.length === 1;
  try {
    return await Promise.any(hosts.map((routes) => firstWorking(routes, settings, !isSingleHost)));
  } catch (error) {
    const failures = (error as AggregateError).errors as Failure[];
    if (isSingleHost) throw failures[0];
    const each = failures.map((failure, index) => `${hosts[index]![0].host}:${hosts[index]![0].port} ${messageOf(failure)}`);
    throw Object.assign(new Error(`no host accepts writes: ${each.join("; ")}`), { code: failures[0]!.code });
  }
}

async function firstWorking([first, second]: readonly Route[], settings: pg.ClientConfig, mustWrite: boolean): Promise<Route> {
  try {
    return await tryRoute(first!, settings, mustWrite);
  } catch (error) {
    if (!second || (error as Failure).code === READ_ONLY) throw error;
    return await tryRoute(second, settings, mustWrite).catch((other: unknown) => {
      throw specificity(other) > specificity(error) ? other : error;
    });
  }
}

/** How much a failure says about its cause. The more specific failure of two attempts is reported, else the first. */
function specificity(error: unknown): number {
  if (NO_TLS.test(messageOf(error))) return 0;
  const state = sqlState(error);
  // A timeout or a broken connection says less than an answer of the server.
  if (state === undefined) return 1;
  return state === NO_HBA_ENTRY ? 2 : 3;
}

async function tryRoute(route: Route, settings: pg.ClientConfig, mustWrite: boolean): Promise<Route> {
  const client = new pg.Client({ ...settings, ...route, connectionTimeoutMillis: (settings.connectionTimeoutMillis ?? 3_000) / 2 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    if (mustWrite && (await inspect(client)).isStandby) throw standbyError();
    return route;
  } finally {
    client.end().catch(() => undefined);
  }
}

/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = "25006";
const standbyError = () => Object.assign(new Error("is a standby, which accepts no writes"), { code: READ_ONLY });
