/** A pattern of an error message, what it means, and what is allowed. */
type Cause = readonly [when: RegExp, problem: string, allowed: string];

/** `{…}` is filled in: variable, addresses, reason. */
const CAUSES: readonly Cause[] = [
  [/ENOTFOUND|EAI_AGAIN/, "{variable} cannot be reached: {addresses} does not resolve", "the name or address of the server"],
  [
    /WRONGPASS|NOAUTH|NOPERM|authorization violation|authentication/i,
    "{variable} has credentials that the server at {addresses} refuses ({reason})",
    "a user and password, or a token, with the rights that docs/buffer.md lists",
  ],
  [
    /jetstream is not enabled/i,
    "{variable} points to {addresses}, a NATS server without JetStream",
    "a nats-server that runs with --jetstream",
  ],
  [
    /certificate|\btls\b|\bssl\b|EPROTO/i,
    "{variable} points to {addresses}, where TLS fails ({reason})",
    "tls:// or rediss:// only if the server speaks TLS; NODE_EXTRA_CA_CERTS=/path/ca.pem for a CA of your own",
  ],
  [/RESP type/, "{variable} points to {addresses}, which is not Redis ({reason})", "the URL of a Redis"],
  [
    /connection refused|ECONN|EHOST|ENET|ETIMEDOUT|time-?out|no answer/i,
    "{variable} cannot be reached at {addresses} ({reason})",
    "the URL of a server that is up; tls:// or rediss:// if it speaks TLS only",
  ],
];

/** Explains why a broker is down, and names the variable to change. @param addresses without credentials */
export function brokerTrouble(reason: string, variable: string, addresses: readonly string[]): string {
  const row = CAUSES.find(([when]) => when.test(reason));
  if (!row) return reason;
  const facts: Readonly<Record<string, string>> = { variable, reason, addresses: addresses.join(", ") };
  return `${row[1].replace(/\{(\w+)\}/g, (_, name: string) => facts[name] ?? "")}; allowed: ${row[2]}`;
}
