import type { LoggerService } from "@nestjs/common";
import { createRequire } from "node:module";
import pino, { type DestinationStream, type Logger } from "pino";
import type { PrettyOptions } from "pino-pretty";
import { type Config, isLogRoom, type LogLevel, rememberSecrets } from "../config/index.js";
import { LogEntry } from "./fields.js";
import { levelOf } from "./levels.js";
import { cleanFields, cleanStack, cleanText } from "./redaction.js";

/** Contexts of Nest's start-up lines, which do not help an operator. */
const IGNORED_CONTEXTS = new Set(["NestFactory", "InstanceLoader", "RoutesResolver", "RouterExplorer", "NestApplication"]);

/** Names of classes, rooms and loops. */
const CONTEXT = /^[\w./-]{1,64}$/;

/** Writes log lines to stdout: JSON, or readable text on a terminal. Only known fields are logged; see redaction.ts. */
export class OctogaugeLogger implements LoggerService {
  readonly #root: Logger;
  readonly #rooms = new Map<string, Logger>();

  /** @param destination must write synchronously, so that the last line before a crash is not lost */
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
    if (!IGNORED_CONTEXTS.has(String(rest.at(-1)))) this.#write("info", message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write("debug", message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write("trace", message, rest);
  }

  /** @param rest Nest's optional arguments: the stack of an error, then the context */
  #write(level: LogLevel, message: unknown, rest: readonly unknown[]): void {
    const last = rest.at(-1);
    // Nest omits the context for errors of a shutdown; the last argument is then a stack.
    const context = typeof last === "string" && CONTEXT.test(last) ? last : undefined;
    const room = this.#roomOf(context ?? "");
    if (!room.isLevelEnabled(level)) return;
    const withStack = room.isLevelEnabled("debug");
    const { text, fields } = textAndFieldsOf(message);
    const clean = cleanFields(fields, withStack);
    const stack = context === undefined ? last : rest.length > 1 ? rest[0] : undefined;
    if (withStack && typeof stack === "string" && clean["error"] === undefined) clean["error"] = { stack: cleanStack(stack) };
    room[level](clean, cleanText(text));
  }

  /** @param context `room`, or `room/loop` */
  #roomOf(context: string): Logger {
    let known = this.#rooms.get(context);
    if (!known) {
      const [first = "", second] = context.split("/", 2);
      const [room, loop] = isLogRoom(first) ? [first, second] : ["nest", context];
      known = this.#root.child({ room, ...(loop ? { loop } : {}) }, { level: levelOf(this.config, room) });
      this.#rooms.set(context, known);
    }
    return known;
  }
}

function textAndFieldsOf(message: unknown): { readonly text: string; readonly fields: object } {
  if (message instanceof LogEntry) return { text: message.message, fields: message.fields };
  if (message instanceof Error) return { text: message.message, fields: { error: message } };
  if (typeof message === "object" && message !== null) return { text: "", fields: message };
  return { text: String(message), fields: {} };
}

function streamFor({ LOG_FORMAT }: Pick<Config, "LOG_FORMAT">): DestinationStream {
  const isPretty = LOG_FORMAT === "pretty" || (LOG_FORMAT === "auto" && process.stdout.isTTY);
  return isPretty ? prettyStream(1, process.stdout.isTTY) : pino.destination({ dest: 1, sync: true });
}

/** Readable lines instead of JSON. @param destination a file descriptor or a stream */
export function prettyStream(destination: number | NodeJS.WritableStream, colorize: boolean): DestinationStream {
  // Loaded on demand: it takes longer to load than the rest of the logger, and most processes log JSON.
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
