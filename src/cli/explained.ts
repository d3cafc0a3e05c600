import { type Config, ConfigError, readDatabaseUrl, rememberSecrets, withoutSecrets } from "../config/index.js";
import { messageOf } from "../logging/index.js";
import { UnsuitableDatabase, UnusableFile } from "../database/index.js";
import { type Stage, StageError } from "../stage.js";

/** What went wrong, by the error's code or words: what to say of it, and what is allowed. */
type Cause = readonly [when: RegExp, problem: string, allowed: string];

/** `{…}` is filled in: reason, code, address, port, user, directory. */
const LISTENER: readonly Cause[] = [
  [/^EADDRINUSE$/, 'PORT is "{port}", which is taken by another process', "a free port"],
  [/^EACCES$/, 'PORT is "{port}", which this user may not open', "a port from 1024, or a process with the capability CAP_NET_BIND_SERVICE"],
  [
    /^(EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN|EINVAL|EAFNOSUPPORT)$/,
    'HOST is "{host}", which is no address of this machine ({code})',
    "an address of this machine, 0.0.0.0 (IPv4) or :: (IPv6 and IPv4)",
  ],
  [/./, 'HOST and PORT are "{host}" and "{port}", where it cannot listen ({reason})', "an address of this machine and a free port"],
];

const DATABASE: readonly Cause[] = [
  [/unusable file/, "DATABASE_URL has {reason}", "a file that this user can read"],
  [
    /unsuitable/,
    "DATABASE_URL leads to a database that cannot be used: {reason}",
    "a database as it is described in docs/your-postgresql.md",
  ],
  [
    /^(28P01|28000)$/,
    'DATABASE_URL names the user "{user}", whom the server at {address} refuses ({reason})',
    "a user, password and sslmode that the server's pg_hba.conf lets in",
  ],
  [
    /^3D000$/,
    "DATABASE_URL names a database that {address} does not have ({reason})",
    "a database that exists; make it with CREATE DATABASE",
  ],
  [
    /^42501$/,
    'DATABASE_URL names the user "{user}", who may not do what is needed ({reason})',
    "a role with the rights that SECURITY.md lists; octogauge migrate with a role that may CREATE in the database",
  ],
  [
    /^25006$/,
    "DATABASE_URL leads to a database that takes no writes ({reason})",
    "the primary, not a standby, and a role without default_transaction_read_only",
  ],
  [
    /^53300$/,
    "DATABASE_URL leads to a server without a free connection ({reason})",
    "a larger max_connections, or a smaller DATABASE_POOL_SIZE",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "DATABASE_URL has sslmode=verify-full, and the certificate of {address} is for another name ({reason})",
    "the name in the certificate as host, or sslmode=verify-ca",
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    "DATABASE_URL asks for a certificate that is valid now, and that of {address} is not ({reason})",
    "a renewed certificate of the server, and a right clock of this machine",
  ],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+|CERT_[A-Z_]+)$/,
    "DATABASE_URL asks for a certificate that can be verified, and that of {address} cannot ({reason})",
    "sslrootcert=/path/of/the/ca.pem of the server's CA, or sslmode=require to encrypt without verifying",
  ],
  [
    /does not support SSL/,
    "DATABASE_URL asks for TLS, which {address} does not speak",
    "sslmode=prefer or disable, or a server with ssl = on",
  ],
  [
    /^(ERR_SSL|ERR_OSSL|ERR_TLS|EPROTO)|establishing an SSL/,
    "DATABASE_URL asks for TLS, which fails with {address} ({reason})",
    "a TLS version and a certificate and key (sslcert, sslkey) that both sides take",
  ],
  [
    /^(ENOENT|EACCES)$/,
    "DATABASE_URL leads to the socket {address}, which cannot be opened ({code})",
    "host=/directory of the server's socket, which this user may enter",
  ],
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    "DATABASE_URL cannot be reached: {address} is no name that resolves ({code})",
    "the name or address of a PostgreSQL",
  ],
  [/./, "DATABASE_URL cannot be reached at {address} ({reason})", "the URL of a PostgreSQL that is up, with its user and password"],
];

const EMBEDDED: readonly Cause[] = [
  [
    /^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST|ENOSPC|EDQUOT|ENOENT)$/,
    'DATA_DIR is "{directory}", where the embedded PostgreSQL cannot keep its data ({code})',
    "a directory that this user can write to, or a DATABASE_URL",
  ],
];

/** The table of causes: by where the error arose. What is in no row is told as it is. */
const CAUSES: Readonly<Record<Stage, readonly Cause[]>> = {
  database: DATABASE,
  schema: DATABASE,
  "public listener": LISTENER,
  "management listener": LISTENER.map(
    ([when, problem, allowed]) => [when, problem.replace(/\b(PORT|HOST)\b/g, "MANAGEMENT_$1"), allowed] as const,
  ),
  "embedded PostgreSQL": EMBEDDED,
};

/** Says which variable to look at where a start or a command failed for a reason outside. */
export function explained(error: unknown, config: Config): unknown {
  if (!(error instanceof StageError)) return error;
  const { stage, cause } = error;
  const signs = [codeOf(cause), messageOf(cause)].filter(Boolean);
  // A database that is not the user's is not the user's to mend.
  const isOwn = (stage === "database" || stage === "schema") && !config.DATABASE_URL;
  const row = isOwn ? undefined : CAUSES[stage].find(([when]) => signs.some((sign) => when.test(sign)));
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
