import pg from "pg";
import { type DatabaseAddress, readDatabaseUrl } from "../config/index.js";
import { messageOf } from "../logging/index.js";
import { sqlState } from "./errors.js";
import { type Route, routesOf } from "./routes.js";
import { inspect, type Session } from "./session.js";

/** node-postgres' words for a server without TLS. */
const NO_TLS = /does not support SSL/;

/** SQLSTATE invalid_authorization_specification: pg_hba.conf has no entry for this kind of connection, but may have one for the other. */
const NO_ENTRY = "28000";

type Failure = Error & { code?: string };

/** Remembers which of several routes was good. */
class Found {
  #good: { readonly url: string; readonly route: Promise<Route> } | undefined;

  route(url: string, search: () => Promise<Route>): Promise<Route> {
    if (this.#good?.url !== url) this.#good = { url, route: search() };
    const { route } = this.#good;
    route.catch(() => this.forget());
    return route;
  }

  forget(): void {
    this.#good = undefined;
  }
}

/**
 * A class of clients for a pool. Each goes to the address of the moment, whose password may have been rotated, by the first
 * route that is good: of several hosts one that takes writes, and with or without TLS as libpq would.
 */
export function clientsFor(currentUrl: () => string): typeof pg.Client {
  const found = new Found();
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
      // A connection may break while the pool hands it over, when nothing else listens, and an error without a listener
      // ends the process. The next statement reports it.
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
      const isOnly = this.#hosts.length === 1 && this.#hosts[0]!.length === 1;
      if (!isOnly) takeRoute(this, await found.route(this.#url, () => goodRoute(this.#hosts, this.#settings)));
      try {
        await super.connect();
        this.session = await inspect(this);
        if (this.session.isStandby && this.#hosts.length > 1) throw standby();
      } catch (error) {
        found.forget();
        this.end().catch(() => undefined);
        throw error;
      }
    }
  } as unknown as typeof pg.Client;
}

/** What {@link inspect} found on a connection of such a class. */
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

/** node-postgres decides on these when the client is made, and reads them when it connects. */
function takeRoute(client: pg.Client, { host, port, ssl }: Route): void {
  Object.assign(client, { host, port, ssl });
  (client as unknown as { connection: { ssl: Route["ssl"] } }).connection.ssl = ssl;
}

/** Asks all hosts at once, and takes the first answer of one that takes writes. */
async function goodRoute(hosts: ReturnType<typeof routesOf>, settings: pg.ClientConfig): Promise<Route> {
  const isAlone = hosts.length === 1;
  try {
    return await Promise.any(hosts.map((routes) => firstGood(routes, settings, !isAlone)));
  } catch (error) {
    const failures = (error as AggregateError).errors as Failure[];
    if (isAlone) throw failures[0];
    const each = failures.map((failure, index) => `${hosts[index]![0].host}:${hosts[index]![0].port} ${messageOf(failure)}`);
    throw Object.assign(new Error(`none of the hosts takes writes: ${each.join("; ")}`), { code: failures[0]!.code });
  }
}

async function firstGood([first, second]: readonly Route[], settings: pg.ClientConfig, mustWrite: boolean): Promise<Route> {
  try {
    return await tried(first!, settings, mustWrite);
  } catch (error) {
    if (!second || (error as Failure).code === STANDBY) throw error;
    return await tried(second, settings, mustWrite).catch((other: unknown) => {
      throw weightOf(other) > weightOf(error) ? other : error;
    });
  }
}

/** How much the failure of one of two attempts tells about the cause; where both tell as much, the first attempt's is reported. */
function weightOf(error: unknown): number {
  if (NO_TLS.test(messageOf(error))) return 0;
  const state = sqlState(error);
  // A time-out or a broken connection tells less than what the server says.
  if (state === undefined) return 1;
  return state === NO_ENTRY ? 2 : 3;
}

async function tried(route: Route, settings: pg.ClientConfig, mustWrite: boolean): Promise<Route> {
  const client = new pg.Client({ ...settings, ...route, connectionTimeoutMillis: (settings.connectionTimeoutMillis ?? 3_000) / 2 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    if (mustWrite && (await inspect(client)).isStandby) throw standby();
    return route;
  } finally {
    client.end().catch(() => undefined);
  }
}

/** SQLSTATE read_only_sql_transaction. */
const STANDBY = "25006";
const standby = () => Object.assign(new Error("is a standby, which takes no writes"), { code: STANDBY });
