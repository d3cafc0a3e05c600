/** 32-bit FNV-1a over UTF-16 units, from a seed. */
function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** A number from 1 to 2^53 - 1. It only needs to distinguish the jobs of one run; it is not cryptographic. */
const hashOf = (text: string): number => (fnv1a(text, 0x811c9dc5) & 0x1f_ffff) * 2 ** 32 + fnv1a(text, 0x9747b28c) || 1;

/** Hash of a job's name within its run; 0 if the name is unknown. */
export const nameHashOf = (name: string): number => (name === "" ? 0 : hashOf(name));

/** Marks an execution that a completed event names. It wins over the one of an in_progress event, whatever order they come in. */
export const COMPLETED_EXECUTION = 2 ** 52;

/**
 * The execution id of a job (truth rule 9): jobs of one run with the same name, start and runner are one execution.
 * @param startedAt milliseconds since 1970
 * @returns less than 2^53; without {@link COMPLETED_EXECUTION} the same for all events of one execution
 */
export const executionOf = (name: string, startedAt: number, runnerId: number, isCompleted: boolean): number =>
  (hashOf(`${name}\n${startedAt}\n${runnerId}`) % COMPLETED_EXECUTION || 1) + (isCompleted ? COMPLETED_EXECUTION : 0);
