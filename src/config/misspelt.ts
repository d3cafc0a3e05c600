import { variables } from "./variables.js";

/** Shorter names are too much like others'. */
const SHORTEST = 8;

/**
 * Variables that are set, that nobody reads, and that look like one of ours, as sentences. They are no errors: they may be
 * another program's.
 */
export function misspelt(environment: Readonly<Record<string, string | undefined>>): string[] {
  const ours = Object.keys(variables).flatMap((name) => [name, `${name}_FILE`]);
  const known = new Set(ours);
  return Object.keys(environment)
    .filter((name) => name.length >= SHORTEST && !known.has(name))
    .flatMap((name) => {
      const meant = ours.find((candidate) => candidate.length >= SHORTEST && isOneEditAway(name.toUpperCase(), candidate));
      return meant ? [`${name} is set, but not read; is ${meant} meant?`] : [];
    });
}

/** Whether one letter more, less or other, or two that changed places, make the one the other; or case alone. */
function isOneEditAway(a: string, b: string): boolean {
  if (a === b) return true;
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start += 1;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  const areSwapped = restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
  return areSwapped || restA.slice(1) === restB.slice(1) || restA === restB.slice(1) || restA.slice(1) === restB;
}
