import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { asNumber, asObject, type JsonObject } from "../../../src/simulator/reading.js";

/** A GitHub App's identity, as its owner knows it. */
export interface AppKey {
  readonly appId: number;
  /** PKCS #1, as GitHub provides it. */
  readonly privateKey: string;
}

const APP_ID = 4711;
let key: AppKey | undefined;
let publicKey: KeyObject | undefined;

/** One key per process, because creating one takes a tenth of a second or more. */
export function appKey(): AppKey {
  if (key) return key;
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  publicKey = createPublicKey(pair.publicKey.export({ type: "spki", format: "pem" }));
  key = { appId: APP_ID, privateKey: pair.privateKey.export({ type: "pkcs1", format: "pem" }).toString() };
  return key;
}

function decoded(part: string | undefined): JsonObject | undefined {
  try {
    return asObject(JSON.parse(Buffer.from(part ?? "", "base64url").toString()));
  } catch {
    return undefined;
  }
}

/** GitHub's error message for a JWT of the App, or undefined if the JWT is valid. Octokit searches some of these messages. */
export function refusalOf(jwt: string, now: number): string | undefined {
  const undecodable = "A JSON web token could not be decoded";
  const [header, claims, signature] = jwt.split(".");
  appKey();
  if (!publicKey || !signature || decoded(header)?.["alg"] !== "RS256") return undecodable;
  if (!verify("RSA-SHA256", Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, "base64url"))) return undecodable;
  const { iss, iat, exp } = decoded(claims) ?? {};
  if (String(iss) !== String(APP_ID)) return "Integration not found";
  const seconds = now / 1_000;
  const expires = asNumber(exp);
  if (expires === undefined || expires <= seconds) {
    return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
  }
  if (expires > seconds + 600) return "'Expiration time' claim ('exp') is too far in the future";
  const issued = asNumber(iat);
  // GitHub tolerates clocks that are slightly ahead.
  if (issued === undefined || issued > seconds + 60) {
    return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  }
  return undefined;
}
