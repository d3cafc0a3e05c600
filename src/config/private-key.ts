import { createPrivateKey } from "node:crypto";

/**
 * An RSA private key in PEM, PKCS#1 as GitHub gives it or PKCS#8, as environment files and secret stores write it down:
 * in quotes, in one line with `\\n` or spaces for its line ends, or in base64.
 * @returns it in PKCS#8, or undefined where it is none
 */
export function readPrivateKey(value: string): string | undefined {
  try {
    const key = createPrivateKey(pemOf(value));
    return key.asymmetricKeyType === "rsa" ? key.export({ type: "pkcs8", format: "pem" }).toString() : undefined;
  } catch {
    return undefined;
  }
}

function pemOf(value: string): string {
  const text = value
    .trim()
    .replace(/^(["'])(.*)\1$/s, "$2")
    .trim();
  const written = text.startsWith("-----") ? text : Buffer.from(text, "base64").toString("utf8");
  const pem = written.replaceAll("\\r", "").replaceAll("\\n", "\n").trim();
  const [, begin, body = "", end] = /^(-----BEGIN [A-Z ]+-----)(.*)(-----END [A-Z ]+-----)$/s.exec(pem) ?? [];
  // A key without line ends is decoded by its base64 alone.
  return begin ? `${begin}\n${body.replace(/\s+/g, "").replace(/.{64}/g, "$&\n")}\n${end}\n` : pem;
}
