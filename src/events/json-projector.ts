import { isUtf8 } from "node:buffer";
import type { Selection } from "./event-type.js";

/** The selected members of one object, by the length of their names. */
interface Level {
  readonly byLength: readonly (readonly Member[] | undefined)[];
  /** Number of selected values in this object and below. */
  readonly leaves: number;
}

interface Member {
  readonly name: Buffer;
  /** One bit for each member of a level. */
  readonly bit: number;
  readonly level: Level | undefined;
  /** Replaces an array: by its length, or by 1 if an element has started. */
  readonly array: "count" | "started" | undefined;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;
const LETTER_N = 0x6e;
/** Returned instead of a position. */
const DECLINED = -1;
/** A usual projection has half a kilobyte; no body of GitHub gives a larger one. */
const MAX_BYTES = 65_536;

/**
 * Copies the selected members of a JSON object byte by byte, and stops after the last one. Parsing the whole payload took a third
 * of the time to acknowledge a delivery (bench/NOTES.md).
 *
 * It follows the structure and declines uncertain input: an escape in a name, a duplicate name, a broken structure.
 * It validates nothing else, so the parser of the result must expect invalid JSON.
 */
export class JsonProjector {
  readonly #root: Level;
  /** Reused for every delivery, to save allocations. */
  readonly #output = Buffer.allocUnsafeSlow(MAX_BYTES);

  constructor(selection: Selection) {
    this.#root = levelOf(selection);
  }

  /** The selected members that the body has, as UTF-8 without U+0000; undefined if the projector declines. */
  project(body: Buffer): Buffer | undefined {
    // Decline a truncated body.
    if (body[body.length - 1] !== CLOSE_BRACE || body[0] !== OPEN_BRACE) return undefined;
    const pass = new Pass(body, this.#output, this.#root.leaves);
    if (pass.object(0, this.#root) === DECLINED) return undefined;
    const projected = this.#output.subarray(0, pass.written);
    return isUtf8(projected) ? Buffer.from(projected) : undefined;
  }
}

function levelOf(selection: Selection): Level {
  const byLength: Member[][] = [];
  let leaves = 0;
  for (const [index, [name, wanted]] of Object.entries(selection).entries()) {
    const level = typeof wanted === "string" ? undefined : levelOf(wanted);
    leaves += level?.leaves ?? 1;
    (byLength[name.length] ??= []).push({ name: Buffer.from(name), bit: 1 << index, level, array: arrayOf(wanted) });
  }
  return { byLength, leaves };
}

const arrayOf = (wanted: Selection[string]): Member["array"] => (wanted === "count" || wanted === "started" ? wanted : undefined);

/** Quotes inside JSON strings are escaped, so a string cannot imitate this member. */
const STARTED = /"started_at"\s*:\s*"/;

/** JSON's white space is only four characters, not all below U+0020. */
const isBlank = (byte: number): boolean => byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** One pass over a body. Positions are byte offsets; reading methods return the position after the value, or DECLINED. */
class Pass {
  written = 0;
  readonly #end: number;

  constructor(
    private readonly body: Buffer,
    private readonly output: Buffer,
    /** Number of selected values that were not found yet. */
    private missing: number,
  ) {
    this.#end = body.length;
  }

  /** @param at the opening brace */
  object(at: number, level: Level): number {
    const body = this.body;
    if (!this.#write(at, at + 1)) return DECLINED;
    const start = this.written;
    let foundBits = 0;
    let here = this.#blank(at + 1);
    if (body[here] === CLOSE_BRACE) return this.#close(here + 1);
    for (;;) {
      if (body[here] !== QUOTE) return DECLINED;
      const nameAt = here;
      here = this.#string(nameAt);
      if (here === DECLINED) return DECLINED;
      const member = this.#find(level, nameAt + 1, here - 1);
      if (member === null) return DECLINED;
      here = this.#blank(here);
      if (body[here] !== COLON) return DECLINED;
      here = this.#blank(here + 1);
      if (member === undefined) here = this.#skip(here);
      else {
        if ((foundBits & member.bit) !== 0) return DECLINED;
        foundBits |= member.bit;
        if (this.written > start) this.output[this.written++] = COMMA;
        here = this.#member(nameAt, here, member);
      }
      if (here === DECLINED) return DECLINED;
      if (this.missing === 0) return this.#close(here);
      here = this.#blank(here);
      if (body[here] === CLOSE_BRACE) return this.#close(here + 1);
      if (body[here] !== COMMA) return DECLINED;
      here = this.#blank(here + 1);
    }
  }

  /** The selected member with that name; null if the name has an escape, so it could be any member's name. */
  #find(level: Level, from: number, to: number): Member | undefined | null {
    const body = this.body;
    const candidates = level.byLength[to - from];
    if (candidates !== undefined) {
      next: for (const member of candidates) {
        const { name } = member;
        for (let index = 0; index < name.length; index += 1) if (name[index] !== body[from + index]) continue next;
        return member;
      }
    }
    for (let index = from; index < to; index += 1) if (body[index] === BACKSLASH) return null;
    return undefined;
  }

  /** @param at the value */
  #member(nameAt: number, at: number, { level, array }: Member): number {
    if (level !== undefined && this.body[at] === OPEN_BRACE) {
      if (!this.#write(nameAt, at)) return DECLINED;
      const before = this.missing;
      const after = this.object(at, level);
      // The object ended, so members not found by now are not in it.
      if (after !== DECLINED && this.missing > 0) this.missing = before - level.leaves;
      return after;
    }
    this.missing -= level?.leaves ?? 1;
    // Allow only an array or null: a number could pass for the count: a number in the payload could imitate the count.
    if (array && this.body[at] === OPEN_BRACKET) return this.#count(nameAt, at, array === "started");
    if (array && this.body[at] !== LETTER_N) return DECLINED;
    const after = this.#skip(at);
    if (after === DECLINED || !this.#isPlain(at, after) || !this.#write(nameAt, after)) return DECLINED;
    return after;
  }

  /** Writes the number of elements instead of an array, or 1 if one of them has started, else 0. */
  #count(nameAt: number, at: number, onlyStarted: boolean): number {
    if (!this.#write(nameAt, at)) return DECLINED;
    let count = 0;
    let here = this.#blank(at + 1);
    while (this.body[here] !== CLOSE_BRACKET) {
      const element = here;
      here = this.#skip(here);
      if (here === DECLINED) return DECLINED;
      if (!onlyStarted) count += 1;
      else if (count === 0 && STARTED.test(this.body.toString("latin1", element, here))) count = 1;
      here = this.#blank(here);
      if (this.body[here] === COMMA) here = this.#blank(here + 1);
      else if (this.body[here] !== CLOSE_BRACKET) return DECLINED;
    }
    this.written += this.output.write(String(count), this.written);
    return here + 1;
  }

  /** JSON forbids control characters, and PostgreSQL does not store U+0000. */
  #isPlain(from: number, to: number): boolean {
    const body = this.body;
    for (let index = from; index < to; index += 1) if (body[index]! < SPACE) return false;
    return true;
  }

  /** Keeps 64 bytes free for brackets, a comma and a number. */
  #write(from: number, to: number): boolean {
    const { body, output } = this;
    let at = this.written;
    if (at + (to - from) + 64 > MAX_BYTES) return false;
    for (let index = from; index < to; index += 1) output[at++] = body[index]!;
    this.written = at;
    return true;
  }

  #close(after: number): number {
    this.output[this.written++] = CLOSE_BRACE;
    return after;
  }

  #blank(at: number): number {
    const body = this.body;
    let here = at;
    while (here < this.#end && isBlank(body[here]!)) here += 1;
    return here;
  }

  #skip(at: number): number {
    const first = this.body[at];
    if (first === QUOTE) return this.#string(at);
    return first === OPEN_BRACE || first === OPEN_BRACKET ? this.#nested(at) : this.#scalar(at);
  }

  /** @param at the opening quote */
  #string(at: number): number {
    const body = this.body;
    const end = this.#end;
    let here = at + 1;
    while (here < end) {
      const byte = body[here++];
      if (byte === QUOTE) return here;
      if (byte === BACKSLASH) here += 1;
    }
    return DECLINED;
  }

  /** Counts brackets instead of recursing, so depth has no limit. The inner loop is {@link #string}, inlined: a call takes a third longer. */
  #nested(at: number): number {
    const body = this.body;
    const end = this.#end;
    let depth = 0;
    let here = at;
    while (here < end) {
      const byte = body[here++];
      if (byte === QUOTE) {
        while (here < end) {
          const inside = body[here++];
          if (inside === QUOTE) break;
          if (inside === BACKSLASH) here += 1;
        }
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && (depth -= 1) === 0) return here;
    }
    return DECLINED;
  }

  #scalar(at: number): number {
    const body = this.body;
    let here = at;
    while (here < this.#end) {
      const byte = body[here]!;
      if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= SPACE) break;
      here += 1;
    }
    return here === at ? DECLINED : here;
  }
}
