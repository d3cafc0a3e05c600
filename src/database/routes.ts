import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { DatabaseAddress } from "../config/index.js";

/** One way to reach a server. `ssl: false` means without TLS. */
export interface Route {
  readonly host: string;
  readonly port: number;
  readonly ssl: ConnectionOptions | false;
}

/** A file named in DATABASE_URL cannot be used. */
export class UnusableFile extends Error {}

/**
 * The routes of an address: for each host one or two, in the order in which libpq tries them.
 * @throws {UnusableFile} where a certificate or key cannot be read
 */
export function routesOf(address: DatabaseAddress): (readonly [Route, ...Route[]])[] {
  const tls = address.sslmode === "disable" ? false : tlsOf(address);
  return address.hosts.map(({ host, port }) => {
    const plain: Route = { host, port, ssl: false };
    if (host.startsWith("/") || tls === false) return [plain];
    const encrypted: Route = { host, port, ssl: tls };
    if (address.sslmode === "allow") return [plain, encrypted];
    return address.sslmode === "prefer" ? [encrypted, plain] : [encrypted];
  });
}

function tlsOf(address: DatabaseAddress): ConnectionOptions {
  const { sslmode, sslrootcert, sslcert, sslkey, sslpassword } = address;
  const isSystem = sslrootcert === undefined || sslrootcert === "system";
  const ca = isSystem ? undefined : fileOf("sslrootcert", sslrootcert);
  // With a CA file, `require` means `verify-ca`, as in libpq.
  const verifies = sslmode === "verify-full" || sslmode === "verify-ca" || (sslmode === "require" && ca !== undefined);
  return {
    rejectUnauthorized: verifies,
    ...(verifies && sslmode !== "verify-full" ? { checkServerIdentity: () => undefined } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(sslcert === undefined ? {} : { cert: fileOf("sslcert", sslcert) }),
    ...(sslkey === undefined ? {} : { key: fileOf("sslkey", sslkey) }),
    ...(sslpassword === undefined ? {} : { passphrase: sslpassword }),
  };
}

function fileOf(parameter: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UnusableFile(`${parameter}=${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
