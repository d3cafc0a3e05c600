import { isUtf8 } from "node:buffer";
import type { Selection } from "./event-type.js";

/** The wanted members of one object, by the length of their names. */
interface Level {
  readonly byLength: readonly (readonly Member[] | undefined)[];
  /** Values to be found in it and below. */
  readonly leaves: number;
}

interface Member {
  readonly name: Buffer;
  /** One bit for each member of a level. */
  readonly bit: number;
  readonly level: Level | undefined;
  /** What is written in the place of an array, if not the value itself. */
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
/** What no position is. */
const DECLINED = -1;
/** Bytes. Half a kilobyte is usual; what does not fit here is not what GitHub sends. */
const LARGEST = 65_536;

/**
 * Cuts a JSON object down to some of its members, byte by byte, and stops when it has them all. Parsing the payload,
 * strings that nobody reads and all, took a third of an acknowledgement (bench/NOTES.md).
 *
 * It makes no guess: names are followed through the structure, never searched for. Where it meets what it does not know
 * for sure (an escape in a name, a name twice, a broken structure) it declines. It validates nothing else: whoever
 * parses what it gives must expect that it is not JSON.
 */
export class JsonProjector {
  readonly #root: Level;
  /** Reused, since this is on the way of every delivery. */
  readonly #output = Buffer.allocUnsafeSlow(LARGEST);

  constructor(selection: Selection) {
    this.#root = levelOf(selection);
  }

  /** The wanted members that the body has, as UTF-8 without U+0000; undefined where it declines. */
  project(body: Buffer): Buffer | undefined {
    // A cut body must not pass for a whole one.
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

/** In a JSON text: a quote inside a string is escaped, so no string can pretend to be this member. */
const STARTED = /"started_at"\s*:\s*"/;

/** JSON's white space, which is less than all below U+0020. */
const isBlank = (byte: number): boolean => byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** One pass over a body. Positions are bytes; what reads returns the position after what it read, or DECLINED. */
class Pass {
  written = 0;
  readonly #end: number;

  constructor(
    private readonly body: Buffer,
    private readonly output: Buffer,
    /** Wanted values that were not met yet. */
    private missing: number,
  ) {
    this.#end = body.length;
  }

  /** @param at the opening brace */
  object(at: number, level: Level): number {
    const body = this.body;
    if (!this.#write(at, at + 1)) return DECLINED;
    const start = this.written;
    let seen = 0;
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
        if ((seen & member.bit) !== 0) return DECLINED;
        seen |= member.bit;
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

  /** The wanted member of that name; null where the name has an escape and could be any. */
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

  /** @param at its value */
  #member(nameAt: number, at: number, { level, array }: Member): number {
    if (level !== undefined && this.body[at] === OPEN_BRACE) {
      if (!this.#write(nameAt, at)) return DECLINED;
      const before = this.missing;
      const after = this.object(at, level);
      // What an object that was read to its end does not have, it lacks.
      if (after !== DECLINED && this.missing > 0) this.missing = before - level.leaves;
      return after;
    }
    this.missing -= level?.leaves ?? 1;
    // A number that stands there already would pass for the count; null is no number.
    if (array && this.body[at] === OPEN_BRACKET) return this.#count(nameAt, at, array === "started");
    if (array && this.body[at] !== LETTER_N) return DECLINED;
    const after = this.#skip(at);
    if (after === DECLINED || !this.#isPlain(at, after) || !this.#write(nameAt, after)) return DECLINED;
    return after;
  }

  /** Writes in the place of an array how many elements it has, or whether one of them has started. */
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

  /** Control characters are no JSON, and PostgreSQL stores no U+0000. */
  #isPlain(from: number, to: number): boolean {
    const body = this.body;
    for (let index = from; index < to; index += 1) if (body[index]! < SPACE) return false;
    return true;
  }

  /** Leaves room for brackets, a comma and a number. */
  #write(from: number, to: number): boolean {
    const { body, output } = this;
    let at = this.written;
    if (at + (to - from) + 64 > LARGEST) return false;
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

  /** Counts brackets instead of recursing: no depth is too deep. The inner loop is {@link #string}, which costs a third more as a call. */
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
