import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { constants, crc32, deflateRaw } from "node:zlib";
import { piecesOf } from "./pieces.js";

const deflate = promisify(deflateRaw);

/** RFC 1952: deflate, no name, no time, the fastest of its levels, an unknown system. */
const HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
/** RFC 1951: a block that is the last one, and empty. */
const LAST_BLOCK = Buffer.from([3, 0]);

// Ends with a whole byte, so that others can follow.
const OPTIONS = { level: constants.Z_BEST_SPEED, finishFlush: constants.Z_FULL_FLUSH };

/** Of pages that are still kept. */
const compressed = new WeakMap<Buffer, Promise<Buffer>>();

/**
 * Pages compressed as one gzip file of one member, since not every client reads several. A page that is the same as in the answer before is not
 * compressed again, so that an answer costs its changes: 3 MB are sent as 121 kB, and cost 4 ms instead of 9 here, and 2 instead of 20 where they are read (bench/NOTES.md).
 */
export async function gzipped(pages: Iterable<Buffer>): Promise<Buffer[]> {
  const answer: Buffer[] = [HEAD];
  let checksum = 0;
  let length = 0;
  for (const piece of piecesOf(pages)) {
    checksum = crc32(piece, checksum);
    length += piece.length;
    answer.push(await blocksOf(piece));
    await nextTurn();
  }
  const end = Buffer.alloc(8);
  end.writeUInt32LE(checksum, 0);
  end.writeUInt32LE(length % 2 ** 32, 4);
  return [...answer, LAST_BLOCK, end];
}

/** In a thread, of which one answer takes one at a time. */
function blocksOf(piece: Buffer): Promise<Buffer> {
  const known = compressed.get(piece);
  if (known) return known;
  const blocks: Promise<Buffer> = deflate(piece, OPTIONS);
  compressed.set(piece, blocks);
  blocks.catch(() => compressed.delete(piece));
  return blocks;
}
