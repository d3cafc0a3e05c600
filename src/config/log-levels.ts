/** From the gravest to the most talkative. */
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** As the framework calls two of them. */
const ALIASES: Readonly<Record<string, LogLevel>> = { log: "info", verbose: "trace" };

/** Those that have something to say: rooms of `src/`, `main` and `management` for what is in none, `nest` for the framework. */
export const LOG_ROOMS = [
  "main",
  "management",
  "nest",
  "buffer",
  "cluster",
  "config",
  "counters",
  "database",
  "github",
  "health",
  "inbox",
  "ingest",
  "metrics",
  "outbound",
  "processing",
  "reconcile",
  "tracing",
  "workflow-state",
] as const;

export type LogRoom = (typeof LOG_ROOMS)[number];

export const isLogRoom = (name: string): name is LogRoom => (LOG_ROOMS as readonly string[]).includes(name);

/** The levels of rooms that have one of their own. */
export interface RoomLevels {
  readonly of: ReadonlyMap<LogRoom, LogLevel>;
  /** As it could have been written. */
  toString(): string;
}

export const LEVEL_FORMS = "fatal, error, warn, info, debug or trace";
export const ROOM_LEVEL_FORMS = `room=level, parted by commas, each room once; rooms ${LOG_ROOMS.join(", ")}; levels ${LEVEL_FORMS}`;

export function readLevel(value: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === value) ?? (Object.hasOwn(ALIASES, value) ? ALIASES[value] : undefined);
}

/** @returns undefined where an entry is not of this form, or is there twice */
export function readRoomLevels(value: string): RoomLevels | undefined {
  const of = new Map<LogRoom, LogLevel>();
  for (const entry of value
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [room = "", name = "", ...more] = entry.split("=").map((part) => part.trim());
    const level = readLevel(name);
    if (!isLogRoom(room) || level === undefined || more.length > 0 || of.has(room)) return undefined;
    of.set(room, level);
  }
  return { of, toString: () => [...of].map(([room, level]) => `${room}=${level}`).join(",") };
}
