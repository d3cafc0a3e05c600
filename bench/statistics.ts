/** The median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted.length === 0 ? NaN : (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN);
}

/** Measurements of one variant in one round, by name. */
export type Figures = Readonly<Record<string, number>>;

/** Interleaved rounds: each round runs every variant once, so that noise affects all variants. */
export class Rounds {
  readonly #measured = new Map<string, Figures[]>();

  /** @param progress called before each measurement */
  async run(rounds: number, variants: Readonly<Record<string, () => Promise<Figures>>>, progress: (line: string) => void): Promise<void> {
    const names = Object.keys(variants);
    for (let round = 0; round < rounds; round += 1) {
      // Rotate the order, so that no variant always follows the same one.
      for (let index = 0; index < names.length; index += 1) {
        const name = names[(index + round) % names.length]!;
        progress(`round ${round + 1} of ${rounds}: ${name}`);
        const figures = await variants[name]!();
        this.#measured.set(name, [...(this.#measured.get(name) ?? []), figures]);
      }
    }
  }

  /** The medians of a variant. */
  medians(name: string): Figures {
    const rounds = this.#measured.get(name) ?? [];
    return Object.fromEntries(Object.keys(rounds[0] ?? {}).map((key) => [key, median(rounds.map((figures) => figures[key] ?? NaN))]));
  }

  /** The maximum of all rounds, for bounds that no round may exceed. */
  most(figure: string, name: string): number {
    return Math.max(...(this.#measured.get(name) ?? []).map((figures) => figures[figure] ?? NaN));
  }

  /** The median of the per-round ratios of two variants. */
  ratio(figure: string, of: string, to: string): number {
    const [a, b] = [this.#measured.get(of) ?? [], this.#measured.get(to) ?? []];
    return median(a.map((figures, round) => (figures[figure] ?? NaN) / (b[round]?.[figure] ?? NaN)));
  }

  get names(): string[] {
    return [...this.#measured.keys()];
  }
}
