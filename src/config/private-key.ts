import { createPrivateKey } from "node:crypto";

/**
 * Reads an RSA private key in PEM: PKCS#1 as GitHub issues it, or PKCS#8. Accepts the forms of environment files and secret
 * stores: quoted, on one line with `\\n` or spaces as line ends, or base64.
 * @returns the key in PKCS#8, or undefined where the text is not a key
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
  // Restores the line ends of the base64 body.
  return begin ? `${begin}\n${body.replace(/\s+/g, "").replace(/.{64}/g, "$&\n")}\n${end}\n` : pem;
}
