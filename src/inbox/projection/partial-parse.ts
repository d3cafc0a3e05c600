import type { Fields } from "./fields.js";

const REPOSITORY = Buffer.from(',"repository":{');
const OWNER = Buffer.from(',"owner":{');
const CLOSING_BRACE = 0x7d;

/**
 * Parses of a payload only what stands before its top-level `repository`, and of that only what stands before its `owner`:
 * a third of a workflow_job's bytes, and all that its projection reads.
 *
 * No guess is made. A cut and a closing brace form JSON only if exactly one object is open at the cut, so a parse that
 * succeeds proves that the cut is where we think; a quote inside a string is escaped, so the markers are never text. Any
 * other layout gives undefined, and the caller parses the whole body.
 */
export function parseUpToOwner(body: Buffer): Fields | undefined {
  const repository = body.indexOf(REPOSITORY);
  const owner = repository === -1 ? -1 : body.indexOf(OWNER, repository);
  if (owner === -1 || body.at(-1) !== CLOSING_BRACE) return undefined;
  try {
    const head = JSON.parse(`${body.toString("utf8", 0, repository)}}`) as Fields;
    const start = repository + REPOSITORY.length - 1;
    return { ...head, repository: JSON.parse(`${body.toString("utf8", start, owner)}}`) as Fields };
  } catch {
    return undefined;
  }
}
