import { type Config, ConfigError, readDatabaseUrl, rememberSecrets, withoutSecrets } from "../config/index.js";
import { messageOf } from "../logging/index.js";
import { UnsuitableDatabase, UnusableFile } from "../database/index.js";
import { type Stage, StageError } from "../stage.js";

/** A pattern for the code or message of an error, with the problem and the allowed values to report. */
type Cause = readonly [when: RegExp, problem: string, allowed: string];

/** Placeholders: {@link factsOf}. */
const LISTENER: readonly Cause[] = [
  [/^EADDRINUSE$/, 'PORT is "{port}", which another process uses', "a free port"],
  [/^EACCES$/, 'PORT is "{port}", which this user may not open', "a port from 1024, or a process with the capability CAP_NET_BIND_SERVICE"],
  [
    /^(EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN|EINVAL|EAFNOSUPPORT)$/,
    'HOST is "{host}", which is not an address of this machine ({code})',
    "an address of this machine, 0.0.0.0 (IPv4) or :: (IPv6 and IPv4)",
  ],
  [/./, 'HOST and PORT are "{host}" and "{port}", where Octogauge cannot listen ({reason})', "an address of this machine and a free port"],
];

const DATABASE: readonly Cause[] = [
  [/unusable file/, "DATABASE_URL has {reason}", "a file that this user can read"],
  [
    /unsuitable/,
    "DATABASE_URL points to a database that Octogauge cannot use: {reason}",
    "a database as described in docs/your-postgresql.md",
  ],
  [
    /^(28P01|28000)$/,
    'DATABASE_URL contains the user "{user}", but the server at {address} refuses it ({reason})',
    "a user, password and sslmode that pg_hba.conf of the server accepts",
  ],
  [
    /^3D000$/,
    "DATABASE_URL contains a database that does not exist at {address} ({reason})",
    "an existing database; create it with CREATE DATABASE",
  ],
  [
    /^42501$/,
    'DATABASE_URL contains the user "{user}", which lacks a required privilege ({reason})',
    "a role with the privileges in SECURITY.md; for octogauge migrate a role that may CREATE in the database",
  ],
  [
    /^25006$/,
    "DATABASE_URL points to a database that accepts no writes ({reason})",
    "the primary, not a standby, and a role without default_transaction_read_only",
  ],
  [
    /^53300$/,
    "DATABASE_URL points to a server without a free connection ({reason})",
    "a larger max_connections, or a smaller DATABASE_POOL_SIZE",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "DATABASE_URL has sslmode=verify-full, but the certificate of {address} is for another name ({reason})",
    "the name in the certificate as host, or sslmode=verify-ca",
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    "DATABASE_URL requires a valid certificate, but that of {address} is not valid now ({reason})",
    "a renewed certificate of the server, and a correct clock on this machine",
  ],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+|CERT_[A-Z_]+)$/,
    "DATABASE_URL requires a verified certificate, but that of {address} cannot be verified ({reason})",
    "sslrootcert=/path/of/the/ca.pem of the server's CA, or sslmode=require to encrypt without verification",
  ],
  [
    /does not support SSL/,
    "DATABASE_URL requires TLS, which {address} does not support",
    "sslmode=prefer or disable, or a server with ssl = on",
  ],
  [
    /^(ERR_SSL|ERR_OSSL|ERR_TLS|EPROTO)|establishing an SSL/,
    "DATABASE_URL requires TLS, but the TLS connection to {address} fails ({reason})",
    "a TLS version, and a certificate and key (sslcert, sslkey), that both sides accept",
  ],
  [
    /^(ENOENT|EACCES)$/,
    "DATABASE_URL points to the socket {address}, which cannot be opened ({code})",
    "host=/directory of the server's socket, with access for this user",
  ],
  [/^(ENOTFOUND|EAI_AGAIN)$/, "DATABASE_URL cannot be reached: {address} does not resolve ({code})", "the name or address of a PostgreSQL"],
  [/./, "DATABASE_URL cannot be reached at {address} ({reason})", "the URL of a running PostgreSQL, with user and password"],
];

const EMBEDDED: readonly Cause[] = [
  [
    /^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST|ENOSPC|EDQUOT|ENOENT)$/,
    'DATA_DIR is "{directory}", where the embedded PostgreSQL cannot store its data ({code})',
    "a directory that this user can write to, or a DATABASE_URL",
  ],
];

/** Causes by stage. An error that matches no row is reported unchanged. */
const CAUSES: Readonly<Record<Stage, readonly Cause[]>> = {
  database: DATABASE,
  schema: DATABASE,
  "public listener": LISTENER,
  "management listener": LISTENER.map(
    ([when, problem, allowed]) => [when, problem.replace(/\b(PORT|HOST)\b/g, "MANAGEMENT_$1"), allowed] as const,
  ),
  "embedded PostgreSQL": EMBEDDED,
};

/** Turns an error of a start or command into a {@link ConfigError} that names the variable to correct. */
export function explained(error: unknown, config: Config): unknown {
  if (!(error instanceof StageError)) return error;
  const { stage, cause } = error;
  const texts = [codeOf(cause), messageOf(cause)].filter(Boolean);
  // A problem of the embedded database is not in DATABASE_URL.
  const isEmbedded = (stage === "database" || stage === "schema") && !config.DATABASE_URL;
  const row = isEmbedded ? undefined : CAUSES[stage].find(([when]) => texts.some((text) => when.test(text)));
  if (!row) return cause;
  rememberSecrets(config as unknown as Record<string, unknown>);
  const facts = factsOf(stage, cause, config);
  const filled = row[1].replace(/\{(\w+)\}/g, (_, name: string) => facts[name] ?? "");
  return new ConfigError([withoutSecrets(`${filled}; allowed: ${row[2]}`)]);
}

function codeOf(error: unknown): string {
  if (error instanceof UnusableFile) return "unusable file";
  if (error instanceof UnsuitableDatabase) return "unsuitable";
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return String((error as { code?: unknown } | null)?.code ?? "");
}

function factsOf(stage: Stage, error: unknown, config: Config): Readonly<Record<string, string>> {
  const isManagement = stage === "management listener";
  const database = config.DATABASE_URL ? readDatabaseUrl(config.DATABASE_URL) : undefined;
  return {
    reason: messageOf(error),
    code: codeOf(error),
    host: isManagement ? config.MANAGEMENT_HOST : config.HOST,
    port: String(isManagement ? config.MANAGEMENT_PORT : config.PORT),
    directory: config.DATA_DIR,
    user: database?.user ?? "",
    address:
      database?.hosts.map(({ host, port }) => (host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`)).join(", ") ?? "",
  };
}
