const MEMBER = '"full_name":"';
const BYTES = Buffer.from(MEMBER);
const QUOTE = 0x22;

/**
 * The repository in a stored projection, as `owner/name` in lower case; "" if there is none. The last `full_name` counts, because
 * the head repository of a run comes before it. Quotes inside strings are escaped, so a string cannot imitate the member.
 */
export function repositoryOf(projection: string): string {
  const from = projection.lastIndexOf(MEMBER);
  return from === -1 ? "" : nameIn(projection.slice(from + MEMBER.length, projection.indexOf('"', from + MEMBER.length)));
}

/** Like {@link repositoryOf}, for a projection that is not stored yet. */
export function repositoryOfBytes(projection: Buffer): string {
  const from = projection.lastIndexOf(BYTES);
  return from === -1 ? "" : nameIn(projection.toString("latin1", from + BYTES.length, projection.indexOf(QUOTE, from + BYTES.length)));
}

/** GitHub allows 39 characters for an owner and 100 for a repository. A longer text is not a repository, and would not fit an index. */
const MAX_LENGTH = 200;

const nameIn = (text: string): string => (text.length > MAX_LENGTH ? "" : text.toLowerCase());
