import { createHmac, timingSafeEqual } from "node:crypto";

const PREFIX = "sha256=";
const HEX_LENGTH = 64;

/**
 * Finds the secret of `X-Hub-Signature-256` by HMAC-SHA256 over the raw bytes, in constant time
 * (GitHub: "Validating webhook deliveries").
 * @returns its index; -1 if no secret matches or the header is not a signature
 */
export function signingSecret(secrets: readonly string[], header: string | undefined, body: Buffer): number {
  if (!header?.startsWith(PREFIX) || header.length !== PREFIX.length + HEX_LENGTH) return -1;
  const given = Buffer.from(header.slice(PREFIX.length), "hex");
  if (given.length !== HEX_LENGTH / 2) return -1;
  let found = -1;
  // Always check every secret, so that the time does not reveal the matching one.
  for (const [index, secret] of secrets.entries()) {
    const expected = createHmac("sha256", secret).update(body).digest();
    if (timingSafeEqual(expected, given) && found === -1) found = index;
  }
  return found;
}
