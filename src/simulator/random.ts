/** A seeded random generator: the same seed gives the same numbers on every machine. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [min, max], both included. */
  int(min: number, max: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One of the items. @throws RangeError if there are none */
  pick<T>(items: readonly T[]): T;
  /** One of the keys, with probability by weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K;
  /** An exponentially distributed number with this mean. */
  exponential(mean: number): number;
  /** Lower-case hexadecimal digits. */
  hex(digits: number): string;
}

/** 32-bit FNV-1a of a text, with a final avalanche so that similar texts differ in every bit. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** sfc32, seeded from a text. Use another seed text for each purpose, so that the streams are independent. */
export function createRandom(seed: string): Random {
  let a = hash32(`a${seed}`) | 0;
  let b = hash32(`b${seed}`) | 0;
  let c = hash32(`c${seed}`) | 0;
  let counter = 1;
  const uint32 = (): number => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  for (let i = 0; i < 12; i++) uint32();

  const next = (): number => uint32() / 0x1_0000_0000;
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError("Nothing to pick from");
      return items[int(0, items.length - 1)] as T;
    },
    weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
      const keys = Object.keys(weights) as K[];
      let left = next() * keys.reduce((sum, key) => sum + weights[key], 0);
      for (const key of keys) {
        left -= weights[key];
        if (left < 0) return key;
      }
      const last = keys.at(-1);
      if (last === undefined) throw new RangeError("No weights given");
      return last;
    },
    exponential: (mean) => -Math.log(1 - next()) * mean,
    hex(digits) {
      let text = "";
      while (text.length < digits) text += uint32().toString(16).padStart(8, "0");
      return text.slice(0, digits);
    },
  };
}
