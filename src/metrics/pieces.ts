/** Short pages are joined up to this size; it is the most that is written or compressed at once. */
const MAX_PIECE_BYTES = 65_536;
/** A page of this size is not joined, so that its compressed form can be reused. */
const MIN_SINGLE_PAGE_BYTES = 16_384;

/** Splits pages into pieces that each take less than a millisecond to process. */
export function* piecesOf(pages: Iterable<Buffer>): Generator<Buffer> {
  let short: Buffer[] = [];
  let bytes = 0;
  for (const page of pages) {
    const isAlone = page.length >= MIN_SINGLE_PAGE_BYTES;
    if (bytes > 0 && (isAlone || bytes + page.length > MAX_PIECE_BYTES)) {
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
