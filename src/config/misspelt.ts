import { variables } from "./variables.js";

/** Shorter names often resemble a variable of another program. */
const MIN_LENGTH = 8;

/** Warnings for unknown variables whose name resembles one of ours. They are not errors, because another program may read them. */
export function misspelt(environment: Readonly<Record<string, string | undefined>>): string[] {
  const ours = Object.keys(variables).flatMap((name) => [name, `${name}_FILE`]);
  const known = new Set(ours);
  return Object.keys(environment)
    .filter((name) => name.length >= MIN_LENGTH && !known.has(name))
    .flatMap((name) => {
      const meant = ours.find((candidate) => candidate.length >= MIN_LENGTH && isOneEditAway(name.toUpperCase(), candidate));
      return meant ? [`${name} is set, but Octogauge does not read it; did you mean ${meant}?`] : [];
    });
}

/** Whether the names are equal, or differ by one inserted, deleted or replaced letter, or by two swapped letters. */
function isOneEditAway(a: string, b: string): boolean {
  if (a === b) return true;
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start += 1;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  const areSwapped = restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
  return areSwapped || restA.slice(1) === restB.slice(1) || restA === restB.slice(1) || restA.slice(1) === restB;
}
