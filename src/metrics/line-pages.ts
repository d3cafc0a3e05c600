import { setImmediate as yieldToEventLoop } from "node:timers/promises";

/** A longer page is split in two, so that rendering or sending a page takes less than a millisecond. */
const MAX_PAGE_CHARACTERS = 131_072;

interface Page {
  /** Sorted. */
  readonly labels: string[];
  /** The lines of each label set. */
  readonly lines: string[];
  length: number;
  /** Undefined after a change. */
  text: Buffer | undefined;
}

/**
 * Exposition lines ordered by label set, so that all replicas give the same text. Only changed pages are
 * rendered again.
 */
export class LinePages {
  readonly #pages: Page[] = [pageOf([], [])];
  #size = 0;

  /** Number of label sets. */
  get size(): number {
    return this.#size;
  }

  /** @param lines each ended by a line feed */
  set(labels: string, lines: string): void {
    const at = Math.max(0, firstFrom(this.#pages.length, (index) => this.#pages[index]!.labels[0]! > labels) - 1);
    const page = this.#pages[at]!;
    const place = firstFrom(page.labels.length, (index) => page.labels[index]! >= labels);
    const known = page.labels[place] === labels;
    if (known && page.lines[place] === lines) return;
    page.length += lines.length - (known ? page.lines[place]!.length : 0);
    page.text = undefined;
    page.labels.splice(place, known ? 1 : 0, labels);
    page.lines.splice(place, known ? 1 : 0, lines);
    if (!known) this.#size += 1;
    if (page.length > MAX_PAGE_CHARACTERS && page.labels.length > 1) this.#pages.splice(at, 1, ...halvesOf(page));
  }

  /** UTF-8 pages. Yields to the event loop after each rendered page; do not call set() before it resolves. */
  async texts(): Promise<Buffer[]> {
    const texts: Buffer[] = [];
    for (const page of this.#pages) {
      if (!page.text) {
        page.text = Buffer.from(page.lines.join(""));
        await yieldToEventLoop();
      }
      texts.push(page.text);
    }
    return texts;
  }
}

const pageOf = (labels: string[], lines: string[]): Page => ({
  labels,
  lines,
  length: lines.reduce((sum, { length }) => sum + length, 0),
  text: undefined,
});

function halvesOf({ labels, lines }: Page): [Page, Page] {
  const middle = labels.length >> 1;
  return [pageOf(labels.slice(0, middle), lines.slice(0, middle)), pageOf(labels.slice(middle), lines.slice(middle))];
}

/** Binary search: the first index for which `holds` is true; `count` if there is none. */
function firstFrom(count: number, holds: (index: number) => boolean): number {
  let [from, to] = [0, count];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
