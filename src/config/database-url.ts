import { RefusedValue } from "./refused.js";

/** Values of sslmode in libpq. node-postgres also accepts `no-verify`, which means `require` without a CA. */
const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** The address of a database, from a libpq URI: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS */
export interface DatabaseAddress {
  /** In order of preference. `host` may be the directory of a socket. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly sslmode: SslMode;
  /** Paths of PEM files. `system` means the CAs that Node includes. */
  readonly sslrootcert: string | undefined;
  readonly sslcert: string | undefined;
  readonly sslkey: string | undefined;
  readonly sslpassword: string | undefined;
  readonly sslnegotiation: "postgres" | "direct";
  readonly channelBinding: boolean;
  readonly applicationName: string | undefined;
  readonly options: string | undefined;
}

/** Parameters that are accepted but ignored, with their allowed values; null allows any value. */
const IGNORED: Readonly<Record<string, readonly string[] | null>> = {
  connect_timeout: null,
  keepalives: null,
  keepalives_idle: null,
  keepalives_interval: null,
  keepalives_count: null,
  tcp_user_timeout: null,
  fallback_application_name: null,
  load_balance_hosts: null,
  sslcompression: null,
  sslsni: ["1"],
  sslcrl: [""],
  gssencmode: ["disable", "prefer"],
  client_encoding: ["UTF8", "utf8", "UTF-8", "utf-8", "auto"],
  target_session_attrs: ["any", "read-write", "primary"],
  uselibpqcompat: null,
};

const READ = new Set(
  (
    "host port user password dbname sslmode ssl sslrootcert sslcert sslkey sslpassword " +
    "sslnegotiation channel_binding application_name options"
  ).split(" "),
);

const DEFAULT_PORT = 5432;

/**
 * Parses a libpq URI as libpq does.
 * @throws {RefusedValue} with the part that libpq refuses or Octogauge does not support
 */
export function readDatabaseUrl(url: string): DatabaseAddress {
  const match = /^postgres(?:ql)?:\/\/(?:([^/@]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url);
  if (!match)
    throw new RefusedValue("a URL that begins with postgres:// or postgresql://, such as postgres://user:password@host:5432/database");
  const [, credentials = "", authority = "", path = "", query = ""] = match;
  if (`${authority}${path}`.includes("@")) throw new RefusedValue("a URL with / and @ of its user and password written as %2F and %40");
  if (/\s/.test(authority)) throw new RefusedValue("a URL without spaces in its host");
  const colon = credentials.indexOf(":");
  const user = decode(colon < 0 ? credentials : credentials.slice(0, colon), "the user");
  const password = colon < 0 ? undefined : decode(credentials.slice(colon + 1), "the password");
  const parameters = parametersOf(query);
  const found = (name: string): string | undefined => parameters.get(name) || undefined;
  const address = {
    hosts: hostsOf(authority, found("host"), found("port")),
    user: found("user") ?? (user || undefined),
    password: found("password") ?? (password || undefined),
    database: found("dbname") ?? (decode(path, "the database's name") || undefined),
    ...tlsOf(found),
    applicationName: found("application_name"),
    options: found("options"),
  };
  if (address.hosts.every(({ host }) => host.startsWith("/"))) return { ...address, sslmode: "disable" };
  return address;
}

function decode(text: string, what: string): string {
  const broken = /%(?![0-9a-f]{2})/i.test(text);
  try {
    if (!broken) return decodeURIComponent(text);
  } catch {
    // Not UTF-8.
  }
  throw new RefusedValue(`a URL with valid percent-encoding; in ${what} it is invalid (write % as %25)`);
}

function parametersOf(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split("&").filter(Boolean)) {
    const [name = "", ...value] = part.split("=").map((text) => decode(text, "the parameters"));
    if (value.length !== 1)
      throw new RefusedValue(`parameters of the form name=value; ${value.length === 0 ? `${name} has no value` : "one has several ="}`);
    const harmless = IGNORED[name];
    if (!READ.has(name) && (harmless === undefined || (harmless !== null && !harmless.includes(value[0]!))))
      throw new RefusedValue(
        `a URL without ${harmless ? `${name}=${value[0]}` : `the parameter ${name}`}, which Octogauge does not support`,
      );
    parameters.set(name, value[0]!);
  }
  return parameters;
}

function hostsOf(authority: string, hostParameter: string | undefined, portParameter: string | undefined): DatabaseAddress["hosts"] {
  const listed = authority.split(",").map((entry) => {
    const [, bracketed, plain = "", port = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(entry) ?? [];
    if (bracketed === undefined && plain === "" && port === "" && entry !== "")
      throw new RefusedValue("a host such as db:5432 or [::1]:5432");
    return { host: bracketed ?? decode(plain, "the host"), port };
  });
  const hosts = hostParameter?.split(",") ?? listed.map(({ host }) => host);
  const ports = portParameter?.split(",") ?? listed.map(({ port }) => port);
  if (ports.length !== 1 && ports.length !== hosts.length)
    throw new RefusedValue(`as many ports as hosts, or one; there are ${ports.length} and ${hosts.length}`);
  return hosts.map((host, index) => {
    if (host === "") throw new RefusedValue("a URL that names a host, or the directory of a socket by ?host=/directory");
    return { host, port: portOf(ports.length === 1 ? ports[0]! : ports[index]!) };
  });
}

function portOf(text: string): number {
  if (text === "") return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new RefusedValue("a port from 1 to 65535");
  return port;
}

function tlsOf(found: (name: string) => string | undefined) {
  const sslrootcert = found("sslrootcert");
  // As in libpq, sslrootcert=system implies verify-full and allows no other mode.
  const sslmode = modeOf(found, sslrootcert === "system" ? "verify-full" : "prefer");
  const sslnegotiation = choice("sslnegotiation", found("sslnegotiation") ?? "postgres", ["postgres", "direct"]);
  const channelBinding = choice("channel_binding", found("channel_binding") ?? "prefer", ["disable", "prefer"]) === "prefer";
  const isStrict = ["require", "verify-ca", "verify-full"].includes(sslmode);
  if (sslnegotiation === "direct" && !isStrict)
    throw new RefusedValue("sslnegotiation=direct with sslmode=require, verify-ca or verify-full only");
  if (sslrootcert === "system" && sslmode !== "verify-full") throw new RefusedValue("sslrootcert=system with sslmode=verify-full only");
  if (sslmode === "verify-ca" && !sslrootcert) throw new RefusedValue("sslmode=verify-ca with sslrootcert=/path/of/the/ca.pem only");
  if ((found("sslcert") === undefined) !== (found("sslkey") === undefined))
    throw new RefusedValue("sslcert and sslkey together, or neither");
  const files = { sslrootcert, sslcert: found("sslcert"), sslkey: found("sslkey"), sslpassword: found("sslpassword") };
  return { sslmode, sslnegotiation, channelBinding, ...files };
}

function modeOf(found: (name: string) => string | undefined, fallback: SslMode): SslMode {
  const ssl = found("ssl");
  // `ssl=true` is JDBC's form, which libpq accepts. node-postgres also accepts 1, 0 and false.
  if (ssl !== undefined) choice("ssl", ssl, ["true", "1", "false", "0"]);
  const mode = found("sslmode") ?? (ssl === undefined ? fallback : ["true", "1"].includes(ssl) ? "require" : "disable");
  return mode === "no-verify" ? "require" : choice("sslmode", mode, SSL_MODES);
}

function choice<const T extends string>(name: string, value: string, values: readonly T[]): T {
  const chosen = values.find((candidate) => candidate === value);
  if (chosen !== undefined) return chosen;
  throw new RefusedValue(`${name}=${values.join("|")} in the URL, not ${JSON.stringify(value.slice(0, 40))}`);
}
