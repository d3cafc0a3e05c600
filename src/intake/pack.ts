import { promisify } from "node:util";
import { type BrotliOptions, brotliCompress, brotliCompressSync, brotliDecompress, constants } from "node:zlib";

/** Bytes from which compressing would hold up the event loop for more than a few milliseconds: then it is a thread's work. */
const FOR_A_THREAD = 4_194_304;
/** What the pack of a flush of some 90 deliveries fits into. */
const CHUNK_BYTES = 32_768;
const LARGE_CHUNK_BYTES = 65_536;
/** Where bodies are laid end to end to be compressed in the event loop, always the same: nothing else may look at it meanwhile. */
const DESK = Buffer.allocUnsafeSlow(FOR_A_THREAD);

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);

/**
 * Payloads end to end, compressed as one: those of one organisation say nearly the same, so that 60 together take a sixth of the
 * time and of the room that they take one by one (docs/adr/0016).
 * @param bodies at least one
 */
export async function packOf(bodies: readonly Buffer[]): Promise<Buffer> {
  const bytes = bodies.reduce((sum, { length }) => sum + length, 0);
  return bytes < FOR_A_THREAD
    ? brotliCompressSync(endToEnd(bodies, DESK.subarray(0, bytes)), optionsFor(bytes, CHUNK_BYTES))
    : compress(bodies.length === 1 && bodies[0] ? bodies[0] : Buffer.concat(bodies, bytes), optionsFor(bytes, LARGE_CHUNK_BYTES));
}

function endToEnd(bodies: readonly Buffer[], into: Buffer): Buffer {
  let end = 0;
  for (const body of bodies) end += body.copy(into, end);
  return into;
}

const optionsFor = (bytes: number, chunkSize: number): BrotliOptions => ({
  // The lowest is twice as fast as the next, for a fifth more bytes.
  params: { [constants.BROTLI_PARAM_QUALITY]: 0, [constants.BROTLI_PARAM_SIZE_HINT]: bytes },
  chunkSize,
});

/** Where each payload begins in what {@link unpack} returns. Bytes. */
export function offsetsOf(bodies: readonly Buffer[]): number[] {
  let end = 0;
  return bodies.map(({ length }) => (end += length) - length);
}

/** @throws where the bytes are no pack */
export const unpack = (pack: Buffer): Promise<Buffer> => decompress(pack, { chunkSize: LARGE_CHUNK_BYTES });
