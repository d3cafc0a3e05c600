// Public interface of this room: the typed configuration, and its presentation on the command line.
export { type Config, CONFIG, ConfigError, loadConfig } from "./config.js";
export { type DatabaseAddress, readDatabaseUrl } from "./database-url.js";
export { parseDuration } from "./duration.js";
export type { Hook } from "./hooks.js";
export { LiveConfig } from "./live-config.js";
export { isLogRoom, LOG_LEVELS, type LogLevel, type LogRoom } from "./log-levels.js";
export { misspelt } from "./misspelt.js";
export { Networks } from "./networks.js";
export { LANE_COUNT, type Priorities } from "./priorities.js";
export { unusedProxy } from "./proxies.js";
export { rememberSecrets, secretPattern, withoutSecrets } from "./secret-values.js";
export { SECRET_VARIABLES, variables } from "./variables.js";
