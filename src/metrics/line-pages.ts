import { setImmediate as nextTurn } from "node:timers/promises";

/** A page that is longer becomes two: what is made or sent of it at once takes a fraction of a millisecond. Characters. */
const MOST = 131_072;

interface Page {
  /** In order. */
  readonly labels: string[];
  /** Of each label set. */
  readonly lines: string[];
  length: number;
  /** Undefined where its lines have changed since. */
  text: Buffer | undefined;
}

/**
 * Lines of the exposition by label set, in the order of the label sets: the same rows give the same text, from any replica. They
 * stand on pages, of which only those that changed are written anew.
 */
export class LinePages {
  readonly #pages: Page[] = [pageOf([], [])];
  #size = 0;

  /** Label sets. */
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
    if (page.length > MOST && page.labels.length > 1) this.#pages.splice(at, 1, ...halvesOf(page));
  }

  /** In UTF-8. What has changed is written a page in a turn of the event loop; there must be no change meanwhile. */
  async texts(): Promise<Buffer[]> {
    const texts: Buffer[] = [];
    for (const page of this.#pages) {
      if (!page.text) {
        page.text = Buffer.from(page.lines.join(""));
        await nextTurn();
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

/** The first of so many for which it holds, where it holds for all behind that; `count` where there is none. */
function firstFrom(count: number, holds: (index: number) => boolean): number {
  let [from, to] = [0, count];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
