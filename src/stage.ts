import { messageOf } from "./logging/index.js";

/** Where in the start something failed. */
export type Stage = "database" | "schema" | "management listener" | "public listener" | "embedded PostgreSQL";

/** Remembers where an error arose, so that its cause can be named rather than guessed. */
export class StageError extends Error {
  constructor(
    readonly stage: Stage,
    override readonly cause: unknown,
  ) {
    super(messageOf(cause));
  }
}

/** Does a part of the start. @throws {StageError} */
export async function during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StageError ? error : new StageError(stage, error);
  }
}
