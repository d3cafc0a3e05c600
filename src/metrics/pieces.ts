/** What is written, or compressed, at once. */
const BYTES = 65_536;

/** The same text in pieces that take a fraction of a millisecond each: short pages go together, long ones as they are. */
export function* piecesOf(pages: Iterable<Buffer>): Generator<Buffer> {
  let piece: Buffer[] = [];
  let bytes = 0;
  for (const page of pages) {
    if (bytes > 0 && bytes + page.length > BYTES) {
      yield Buffer.concat(piece, bytes);
      [piece, bytes] = [[], 0];
    }
    if (page.length >= BYTES) yield page;
    else {
      piece.push(page);
      bytes += page.length;
    }
  }
  if (bytes > 0) yield Buffer.concat(piece, bytes);
}
