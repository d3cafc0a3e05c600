import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { promisify } from "node:util";
import { constants, crc32, deflateRaw } from "node:zlib";
import { piecesOf } from "./pieces.js";

const deflate = promisify(deflateRaw);

/** RFC 1952: deflate, no name, no time, fastest level, unknown system. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
/** RFC 1951: an empty last block. */
const LAST_BLOCK = Buffer.from([3, 0]);

// A full flush ends at a byte boundary, so that blocks can be concatenated.
const OPTIONS = { level: constants.Z_BEST_SPEED, finishFlush: constants.Z_FULL_FLUSH };

/** Compressed blocks by page; an entry lives as long as its page. */
const compressed = new WeakMap<Buffer, Promise<Buffer>>();

/**
 * Compresses pages as a gzip file with one member, because some clients read only the first. Unchanged pages are not compressed
 * again, so the cost follows the changes (bench/NOTES.md).
 */
export async function gzipped(pages: Iterable<Buffer>): Promise<Buffer[]> {
  const answer: Buffer[] = [HEADER];
  let checksum = 0;
  let length = 0;
  for (const piece of piecesOf(pages)) {
    checksum = crc32(piece, checksum);
    length += piece.length;
    answer.push(await blocksOf(piece));
    await yieldToEventLoop();
  }
  const end = Buffer.alloc(8);
  end.writeUInt32LE(checksum, 0);
  end.writeUInt32LE(length % 2 ** 32, 4);
  return [...answer, LAST_BLOCK, end];
}

/** Compresses in the thread pool; one response uses one thread. */
function blocksOf(piece: Buffer): Promise<Buffer> {
  const known = compressed.get(piece);
  if (known) return known;
  const blocks: Promise<Buffer> = deflate(piece, OPTIONS);
  compressed.set(piece, blocks);
  blocks.catch(() => compressed.delete(piece));
  return blocks;
}
