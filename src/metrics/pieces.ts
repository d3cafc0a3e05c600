/** Short pages go together up to so many bytes: what is written, or compressed, at once. */
const BYTES = 65_536;
/** A page of so many goes alone, as it is, so that what was made of it before is known again. */
const ALONE = 16_384;

/** The same text in pieces that take a fraction of a millisecond each. */
export function* piecesOf(pages: Iterable<Buffer>): Generator<Buffer> {
  let short: Buffer[] = [];
  let bytes = 0;
  for (const page of pages) {
    const isAlone = page.length >= ALONE;
    if (bytes > 0 && (isAlone || bytes + page.length > BYTES)) {
      yield Buffer.concat(short, bytes);
      [short, bytes] = [[], 0];
    }
    if (isAlone) yield page;
    else {
      short.push(page);
      bytes += page.length;
    }
  }
  if (bytes > 0) yield Buffer.concat(short, bytes);
}
