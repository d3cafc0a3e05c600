import { type Config, isLogRoom, LOG_LEVELS, type LogLevel, type LogRoom } from "../config/index.js";

/** The variables that select what is logged. */
export type LogConfig = Pick<Config, "LOG_LEVEL" | "LOG_LEVELS" | "LOG_DELIVERIES">;

/** The log level of a room. */
export function levelOf({ LOG_LEVEL, LOG_LEVELS: own }: Pick<LogConfig, "LOG_LEVEL" | "LOG_LEVELS">, room: string): LogLevel {
  return (isLogRoom(room) ? own.of.get(room) : undefined) ?? LOG_LEVEL;
}

/** True if the level is logged in that room. Hot paths call it once at start, to skip building lines. */
export function isLogged(config: Pick<LogConfig, "LOG_LEVEL" | "LOG_LEVELS">, room: LogRoom, level: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(levelOf(config, room));
}

/** The logger method for the line of each delivery: `log` with `LOG_DELIVERIES=on`, else `debug`; undefined if that level is not logged. */
export function deliveryLevel(config: LogConfig, room: LogRoom): "log" | "debug" | undefined {
  const level = config.LOG_DELIVERIES === "on" ? "info" : "debug";
  if (!isLogged(config, room, level)) return undefined;
  return level === "info" ? "log" : "debug";
}
