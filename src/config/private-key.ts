import { createPrivateKey } from "node:crypto";

/**
 * An RSA private key in PEM, PKCS#1 as GitHub gives it or PKCS#8. Environment files often write its line ends as `\\n`.
 * @returns it in PKCS#8, or undefined where it is none
 */
export function readPrivateKey(value: string): string | undefined {
  try {
    const key = createPrivateKey(value.replaceAll("\\n", "\n"));
    return key.asymmetricKeyType === "rsa" ? key.export({ type: "pkcs8", format: "pem" }).toString() : undefined;
  } catch {
    return undefined;
  }
}
