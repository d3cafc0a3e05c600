import { UnsuitableDatabase } from "./session.js";

/** SQLSTATE classes of errors in the data: data exceptions, violated constraints, and limits such as the size of an index row. */
const DATA_CLASSES = new Set(["22", "23", "54"]);

/** The SQLSTATE of a server error, else undefined. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The value of the metric label `kind` for a failed statement. */
export function failureKind(error: unknown): "connection" | "timeout" | "conflict" | "data" | "server" {
  const state = sqlState(error);
  if (state === undefined) return error instanceof Error && /timeout/i.test(error.message) ? "timeout" : "connection";
  if (DATA_CLASSES.has(state.slice(0, 2))) return "data";
  // 57014 query_canceled; 40 serialization failure, deadlock; 55P03 lock_not_available; 57P server shutdown.
  // https://www.postgresql.org/docs/current/errcodes-appendix.html
  if (state === "57014") return "timeout";
  if (state.startsWith("40") || state === "55P03") return "conflict";
  return state.startsWith("08") || state.startsWith("57P") ? "connection" : "server";
}

/**
 * Whether the same work may succeed later without any change. Every error of a server is transient except one in the
 * data: a restart, a deadlock, a full disk or a missing GRANT must not turn deliveries into dead letters.
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
