import { messageOf } from "../logging/index.js";
import { Logger } from "@nestjs/common";
import { diag, type DiagLogger, DiagLogLevel } from "@opentelemetry/api";
import { setGlobalErrorHandler } from "@opentelemetry/core";

/** A collector that is away is told of once in so long. Milliseconds. */
const SILENCE = 60_000;

let isOn = false;

/** Has the libraries' complaints logged: spans that could not be sent, or that a collector took only in part. Idempotent. */
export function logComplaints(): void {
  if (isOn) return;
  isOn = true;
  const logger = new Logger("tracing");
  const said = new Map<string, number>();
  // Spans that are lost are no reason to fill the log.
  const complain = (what: string, detail: string) => {
    if (performance.now() - (said.get(what) ?? -Infinity) < SILENCE) return;
    said.set(what, performance.now());
    logger.warn(`${what}: ${detail}; not said again for a minute`);
  };
  setGlobalErrorHandler((error) => {
    const reason = messageOf(error);
    complain("traces could not be exported, and are lost", reason ?? "no reason was given");
  });
  const warn = (message: string, ...details: unknown[]) => complain("OpenTelemetry says", [message, ...details].map(String).join(" "));
  const silent = () => undefined;
  const complaints: DiagLogger = { error: warn, warn, info: silent, debug: silent, verbose: silent };
  diag.setLogger(complaints, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
