import { randomBytes } from "node:crypto";
import { type AppKey, appKey, refusalOf } from "./app-key.js";

/** The principal whose rate limit a request uses. */
export type PrincipalName = "app" | "token" | `installation:${number}` | "nobody";

/** The client of a request. An installation sees only its account; a token sees everything. */
export interface Principal {
  readonly name: PrincipalName;
  readonly account?: string;
}

export const anonymous: Principal = { name: "nobody" };

const HOUR = 3_600_000;

/** All credentials that this GitHub accepts: a JWT of the App, installation tokens and a personal token. */
export class Credentials {
  readonly app: AppKey = appKey();
  /** A personal access token with all permissions. */
  readonly token = `ghp_${randomBytes(18).toString("hex")}`;
  readonly #issued = new Map<string, { readonly principal: Principal; readonly expiresAt: number }>();
  #revoked = false;

  /** Rejects all credentials until `restore`. */
  revoke(): void {
    this.#revoked = true;
  }

  restore(): void {
    this.#revoked = false;
  }

  /** Invalidates the tokens issued so far (of an account) permanently, as after their hour. */
  expireTokens(account?: string): void {
    for (const [token, { principal }] of this.#issued) {
      if (account === undefined || principal.account === account.toLowerCase()) this.#issued.delete(token);
    }
  }

  /** A new token of an installation. */
  issue(installation: number, account: string): { readonly token: string; readonly expiresAt: Date } {
    const token = `ghs_${randomBytes(18).toString("hex")}`;
    const expiresAt = Date.now() + HOUR;
    this.#issued.set(token, { principal: { name: `installation:${installation}`, account: account.toLowerCase() }, expiresAt });
    return { token, expiresAt: new Date(expiresAt) };
  }

  /** The principal of this authorization header, or the reason for a rejection. */
  identify(authorization: string | undefined): Principal | string {
    const credential = /^(?:bearer|token) +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (credential === undefined) return "Requires authentication";
    if (this.#revoked) return "Bad credentials";
    if (credential === this.token) return { name: "token" };
    if (credential.split(".").length === 3) return refusalOf(credential, Date.now()) ?? { name: "app" };
    const known = this.#issued.get(credential);
    return known && known.expiresAt > Date.now() ? known.principal : "Bad credentials";
  }
}

/** Whether the principal may see objects of an account. */
export function maySee(principal: Principal, account: string): boolean {
  return principal.account === undefined || principal.account === account.toLowerCase();
}
