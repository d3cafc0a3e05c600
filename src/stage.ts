import { messageOf } from "./logging/index.js";

/** The part of the start that failed. */
export type Stage = "database" | "schema" | "management listener" | "public listener" | "embedded PostgreSQL";

/** An error with the part of the start in which it occurred. */
export class StageError extends Error {
  constructor(
    readonly stage: Stage,
    override readonly cause: unknown,
  ) {
    super(messageOf(cause));
  }
}

/** Runs a part of the start. @throws {StageError} */
export async function during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StageError ? error : new StageError(stage, error);
  }
}
