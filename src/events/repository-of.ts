const MEMBER = '"full_name":"';
const BYTES = Buffer.from(MEMBER);
const QUOTE = 0x22;

/**
 * The repository that a stored projection names, as `owner/name` in lower case, or "" where it names none. It is the last
 * member of that name: a run's head may have another repository, and stands before it. Inside a string the quotes are
 * escaped, so none can pretend to be it.
 */
export function repositoryOf(projection: string): string {
  const from = projection.lastIndexOf(MEMBER);
  return from === -1 ? "" : nameIn(projection.slice(from + MEMBER.length, projection.indexOf('"', from + MEMBER.length)));
}

/** The same, of a projection that is about to be stored. */
export function repositoryOfBytes(projection: Buffer): string {
  const from = projection.lastIndexOf(BYTES);
  return from === -1 ? "" : nameIn(projection.toString("latin1", from + BYTES.length, projection.indexOf(QUOTE, from + BYTES.length)));
}

/** GitHub: 39 characters of an owner, 100 of a repository. What is longer is none, and would be a key that no index takes. */
const LONGEST = 200;

const nameIn = (text: string): string => (text.length > LONGEST ? "" : text.toLowerCase());
