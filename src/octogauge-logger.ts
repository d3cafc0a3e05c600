import { ConsoleLogger } from "@nestjs/common";
import type { Config } from "./config/config.js";

/** The framework's own start-up chatter, which tells an operator nothing. */
const CHATTER = new Set(["NestFactory", "InstanceLoader", "RoutesResolver", "RouterExplorer", "NestApplication"]);
const LEVELS = ["fatal", "error", "warn", "log", "debug", "verbose"] as const;

/** JSON lines, or readable ones on a terminal. */
export class OctogaugeLogger extends ConsoleLogger {
  constructor(config: Pick<Config, "LOG_FORMAT" | "LOG_LEVEL">) {
    const json = config.LOG_FORMAT === "json" || (config.LOG_FORMAT === "auto" && !process.stdout.isTTY);
    super({ json, prefix: "octogauge", logLevels: LEVELS.slice(0, LEVELS.indexOf(config.LOG_LEVEL) + 1) });
  }

  override log(message: unknown, ...rest: unknown[]): void {
    if (!CHATTER.has(String(rest.at(-1)))) super.log(message, ...rest);
  }
}
