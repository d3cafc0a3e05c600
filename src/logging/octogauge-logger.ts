import type { LoggerService } from "@nestjs/common";
import { createRequire } from "node:module";
import pino, { type DestinationStream, type Logger } from "pino";
import type { PrettyOptions } from "pino-pretty";
import { type Config, isLogRoom, type LogLevel, rememberSecrets } from "../config/index.js";
import { LogEntry } from "./fields.js";
import { levelOf } from "./levels.js";
import { cleanFields, cleanStack, cleanText } from "./redaction.js";

/** The framework's own start-up chatter, which tells an operator nothing. */
const CHATTER = new Set(["NestFactory", "InstanceLoader", "RoutesResolver", "RouterExplorer", "NestApplication"]);

/** Names of classes, rooms and loops. */
const SPEAKER = /^[\w./-]{1,64}$/;

/** JSON lines, or readable ones on a terminal, to stdout. Deny by default: see redaction.ts. */
export class OctogaugeLogger implements LoggerService {
  readonly #root: Logger;
  readonly #rooms = new Map<string, Logger>();

  /** @param destination written to at once: what a process says last is what it died of */
  constructor(
    private readonly config: Config,
    destination: DestinationStream = streamFor(config),
  ) {
    rememberSecrets(config);
    this.#root = pino(
      {
        level: "trace",
        base: { pid: process.pid },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (level) => ({ level }) },
      },
      destination,
    );
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#write("fatal", message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#write("error", message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write("warn", message, rest);
  }

  log(message: unknown, ...rest: unknown[]): void {
    if (!CHATTER.has(String(rest.at(-1)))) this.#write("info", message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write("debug", message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write("trace", message, rest);
  }

  /** @param rest Nest's: the stack of an error, sometimes, and who says it */
  #write(level: LogLevel, message: unknown, rest: readonly unknown[]): void {
    const last = rest.at(-1);
    // The framework leaves its name out where it logs an error of a shutdown: the last is then a stack.
    const speaker = typeof last === "string" && SPEAKER.test(last) ? last : undefined;
    const room = this.#roomOf(speaker ?? "");
    if (!room.isLevelEnabled(level)) return;
    const withStack = room.isLevelEnabled("debug");
    const { text, fields } = understood(message);
    const clean = cleanFields(fields, withStack);
    const stack = speaker === undefined ? last : rest.length > 1 ? rest[0] : undefined;
    if (withStack && typeof stack === "string" && clean["error"] === undefined) clean["error"] = { stack: cleanStack(stack) };
    room[level](clean, cleanText(text));
  }

  /** @param speaker `room`, or `room/loop` */
  #roomOf(speaker: string): Logger {
    let known = this.#rooms.get(speaker);
    if (!known) {
      const [first = "", second] = speaker.split("/", 2);
      const [room, loop] = isLogRoom(first) ? [first, second] : ["nest", speaker];
      known = this.#root.child({ room, ...(loop ? { loop } : {}) }, { level: levelOf(this.config, room) });
      this.#rooms.set(speaker, known);
    }
    return known;
  }
}

function understood(message: unknown): { readonly text: string; readonly fields: object } {
  if (message instanceof LogEntry) return { text: message.message, fields: message.fields };
  if (message instanceof Error) return { text: message.message, fields: { error: message } };
  if (typeof message === "object" && message !== null) return { text: "", fields: message };
  return { text: String(message), fields: {} };
}

function streamFor({ LOG_FORMAT }: Pick<Config, "LOG_FORMAT">): DestinationStream {
  const isPretty = LOG_FORMAT === "pretty" || (LOG_FORMAT === "auto" && process.stdout.isTTY);
  return isPretty ? prettyStream(1, process.stdout.isTTY) : pino.destination({ dest: 1, sync: true });
}

/** Lines for people. @param destination a file descriptor or a stream */
export function prettyStream(destination: number | NodeJS.WritableStream, colorize: boolean): DestinationStream {
  // It takes longer to load than all the rest of a logger, and most do without.
  const pretty = createRequire(import.meta.url)("pino-pretty") as (options: PrettyOptions) => DestinationStream;
  return pretty({
    destination,
    colorize,
    sync: true,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,room,loop",
    messageFormat: "{room}{if loop}/{loop}{end}: {msg}",
  });
}
