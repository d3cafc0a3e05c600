import { messageOf } from "../logging/index.js";
import { Logger } from "@nestjs/common";
import { diag, type DiagLogger, DiagLogLevel } from "@opentelemetry/api";
import { setGlobalErrorHandler } from "@opentelemetry/core";

/** Minimum time between two lines of the same kind. */
const LOG_INTERVAL_MS = 60_000;

let isOn = false;

/** Logs warnings of the OpenTelemetry libraries, such as failed exports. Further calls have no effect. */
export function logComplaints(): void {
  if (isOn) return;
  isOn = true;
  const logger = new Logger("tracing");
  const loggedAt = new Map<string, number>();
  const warnOnce = (what: string, detail: string) => {
    if (performance.now() - (loggedAt.get(what) ?? -Infinity) < LOG_INTERVAL_MS) return;
    loggedAt.set(what, performance.now());
    logger.warn(`${what}: ${detail}; similar warnings are suppressed for a minute`);
  };
  setGlobalErrorHandler((error) => {
    const reason = messageOf(error);
    warnOnce("traces were not exported and are lost", reason ?? "unknown reason");
  });
  const warn = (message: string, ...details: unknown[]) => warnOnce("OpenTelemetry", [message, ...details].map(String).join(" "));
  const silent = () => undefined;
  const diagLogger: DiagLogger = { error: warn, warn, info: silent, debug: silent, verbose: silent };
  diag.setLogger(diagLogger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
