import { type Config, isLogRoom, LOG_LEVELS, type LogLevel, type LogRoom } from "../config/index.js";

/** The part of the configuration that says what is logged. */
export type LogConfig = Pick<Config, "LOG_LEVEL" | "LOG_LEVELS" | "LOG_DELIVERIES">;

/** The least level of a room that is logged. */
export function levelOf({ LOG_LEVEL, LOG_LEVELS: own }: Pick<LogConfig, "LOG_LEVEL" | "LOG_LEVELS">, room: string): LogLevel {
  return (isLogRoom(room) ? own.of.get(room) : undefined) ?? LOG_LEVEL;
}

/** Whether anybody would see it: to be asked once, where lines are too many to be made in vain. */
export function isLogged(config: Pick<LogConfig, "LOG_LEVEL" | "LOG_LEVELS">, room: LogRoom, level: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(levelOf(config, room));
}

/** How a room tells of each delivery, by the name of Nest's method: `log` with `LOG_DELIVERIES`, else `debug`; undefined where nobody would see it. */
export function deliveryLevel(config: LogConfig, room: LogRoom): "log" | "debug" | undefined {
  const level = config.LOG_DELIVERIES === "on" ? "info" : "debug";
  if (!isLogged(config, room, level)) return undefined;
  return level === "info" ? "log" : "debug";
}
