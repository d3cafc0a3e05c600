import { UnsuitableDatabase } from "./session.js";

/** SQLSTATE classes that blame the data (PostgreSQL, appendix A): data exceptions, constraints, limits such as an index row's size. */
const DATA_CLASSES = new Set(["22", "23", "54"]);

/** The SQLSTATE of a server error, else undefined. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** What went wrong with a statement, in a word. */
export function failureKind(error: unknown): "connection" | "timeout" | "conflict" | "data" | "server" {
  const state = sqlState(error);
  if (state === undefined) return error instanceof Error && /timeout/i.test(error.message) ? "timeout" : "connection";
  if (DATA_CLASSES.has(state.slice(0, 2))) return "data";
  // https://www.postgresql.org/docs/current/errcodes-appendix.html: query_canceled; serialization, deadlock, lock; class 57P: the server ends.
  if (state === "57014") return "timeout";
  if (state.startsWith("40") || state === "55P03") return "conflict";
  return state.startsWith("08") || state.startsWith("57P") ? "connection" : "server";
}

/**
 * Whether the same work may succeed later without any change. That is so of all that a server may say but what blames the
 * data: restarts, deadlocks, full pools and disks, a failover, a rotated password, a missing GRANT or migration. None of
 * these may turn deliveries into dead letters.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof UnsuitableDatabase) return false;
  const state = sqlState(error);
  if (state !== undefined) return !DATA_CLASSES.has(state.slice(0, 2));
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code && /^(E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN)|ENOTFOUND)/.test(code)) return true;
  const message = error instanceof Error ? error.message : "";
  return /connection|timeout|terminated|pool/i.test(message);
}
