/** From the most severe to the most verbose. */
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Names that Nest uses for two of the levels. */
const ALIASES: Readonly<Record<string, LogLevel>> = { log: "info", verbose: "trace" };

/** Sources of log lines: rooms of `src/`, `main`, `management`, and `nest` for the framework. */
export const LOG_ROOMS = [
  "main",
  "management",
  "nest",
  "buffer",
  "ci-traces",
  "cluster",
  "config",
  "counters",
  "database",
  "dead-letters",
  "events",
  "github",
  "health",
  "ingest",
  "intake",
  "metrics",
  "processing",
  "queue",
  "reconcile",
  "tracing",
  "workflow-state",
] as const;

export type LogRoom = (typeof LOG_ROOMS)[number];

/** Rooms of earlier releases. Deprecated: `LOG_LEVELS` still accepts them. */
const FORMER_ROOMS: Readonly<Record<string, readonly LogRoom[]>> = { inbox: ["intake", "queue", "dead-letters"], outbound: ["ci-traces"] };

export const isLogRoom = (name: string): name is LogRoom => (LOG_ROOMS as readonly string[]).includes(name);

/** Rooms with their own log level. */
export interface RoomLevels {
  readonly of: ReadonlyMap<LogRoom, LogLevel>;
  /** The same settings as text. */
  toString(): string;
}

export const LEVEL_FORMS = "fatal, error, warn, info, debug or trace";
export const ROOM_LEVEL_FORMS = `room=level, separated by commas, each room once; rooms ${LOG_ROOMS.join(", ")} (deprecated: ${Object.keys(FORMER_ROOMS).join(", ")}); levels ${LEVEL_FORMS}`;

export function readLevel(value: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === value) ?? (Object.hasOwn(ALIASES, value) ? ALIASES[value] : undefined);
}

/** @returns undefined where an entry has another form or occurs twice */
export function readRoomLevels(value: string): RoomLevels | undefined {
  const of = new Map<LogRoom, LogLevel>();
  for (const entry of value
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [room = "", name = "", ...more] = entry.split("=").map((part) => part.trim());
    const level = readLevel(name);
    const rooms = isLogRoom(room) ? [room] : Object.hasOwn(FORMER_ROOMS, room) ? FORMER_ROOMS[room] : undefined;
    if (!rooms || level === undefined || more.length > 0 || rooms.some((one) => of.has(one))) return undefined;
    for (const one of rooms) of.set(one, level);
  }
  return { of, toString: () => [...of].map(([room, level]) => `${room}=${level}`).join(",") };
}
