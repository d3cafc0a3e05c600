import { Command, InvalidArgumentError } from "commander";
import { notEmpty, whole } from "./arguments.js";
import type { Config } from "../config/index.js";
import {
  countMatching,
  type DeadLetter,
  type DeadLetterFilter,
  discardDeadLetters,
  listDeadLetters,
  readDeadLetter,
  replayDeadLetters,
} from "../dead-letters/review.sql.js";
import { type Queryable, sql } from "../database/index.js";
import { moment } from "./moment.js";
import { withDatabase } from "./with-database.js";

/** Rows in one transaction, so that each transaction is short. */
const BATCH_SIZE = 500;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

type Filters = Omit<DeadLetterFilter, "ids">;
type Change = Filters & { readonly all: boolean; readonly dryRun: boolean };

/** `octogauge dead-letters`: lists, shows, replays and discards dead letters. */
export function deadLettersCommand(configured: () => Config): Command {
  const run = <T>(work: (database: Queryable) => Promise<T>): Promise<T> => withDatabase(configured(), work);
  const group = new Command("dead-letters").description("deliveries that could not be processed: list, show, replay or discard them");
  filtered(group.command("list").description("list dead letters, the newest first"))
    .option("--limit <n>", "maximum number of dead letters", whole, 50)
    .option("--json", "one JSON object per line", false)
    .action((options: Filters & { limit: number; json: boolean }) => run((database) => list(database, options)));
  group
    .command("show")
    .description("show one dead letter with its error and its body")
    .argument("<id>", "delivery id", guid)
    .option("--body", "only the body, with exactly the bytes that were signed", false)
    .action((id: string, options: { body: boolean }) => run((database) => show(database, id, options.body)));
  changing(group.command("replay").description("move dead letters back into the inbox, with the same ids; safe to repeat")).action(
    (ids: string[], options: Change) => run((database) => change(database, ids, options, "replay", replayDeadLetters)),
  );
  changing(group.command("discard").description("delete dead letters permanently")).action((ids: string[], options: Change) =>
    run((database) => change(database, ids, options, "discard", discardDeadLetters)),
  );
  return group;
}

const filtered = (command: Command): Command =>
  command
    .option("--event <event>", "only of this event, such as workflow_job", notEmpty)
    .option("--repository <owner/name>", "only of this repository, or of all repositories of an owner (owner/)", notEmpty)
    .option("--error <text>", "only with this text in the error class or message", notEmpty)
    .option("--since <time>", "only dead letters since this time (2026-11-21T10:00Z), or within this duration (2h)", moment)
    .option("--until <time>", "only dead letters from before this time, or longer ago than this duration", moment);

const changing = (command: Command): Command =>
  filtered(command)
    .argument("[ids...]", "delivery ids", (value: string, before: string[] = []) => [...before, guid(value)])
    .option("--all", "all dead letters; required without ids and filters", false)
    .option("--dry-run", "only print the number", false);

async function list(database: Queryable, { limit, json, ...filter }: Filters & { limit: number; json: boolean }): Promise<void> {
  const letters = await listDeadLetters(database, filter, limit);
  if (json) for (const letter of letters) console.log(JSON.stringify(letter));
  else for (const letter of letters) console.log(line(letter));
  const total = await countMatching(database, filter);
  console.error(
    `${letters.length} of ${total} dead letter${total === 1 ? "" : "s"}${total > letters.length ? "; --limit shows more" : ""}`,
  );
}

const line = ({ id, diedAt, event, repository, source, errorClass, error, attempts }: DeadLetter): string =>
  `${id}  ${diedAt.toISOString()}  ${event}  ${repository || "-"}  ${source}/${errorClass} x${attempts}  ${printable(error)}`;

/** Untrusted text without control characters, which could change the terminal. */
// oxlint-disable-next-line no-control-regex
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");

/** Control characters that JSON does not escape. */
// oxlint-disable-next-line no-control-regex
const CONTROLS_BEYOND_JSON = /[\u007f-\u009f]/g;

async function show(database: Queryable, id: string, bodyAlone: boolean): Promise<void> {
  const letter = await readDeadLetter(database, id);
  if (!letter) throw new Error(`There is no dead letter ${id}; list them with: octogauge dead-letters list`);
  const { payload, ...facts } = letter;
  if (bodyAlone) {
    if (!payload) throw new Error(`The body of ${id} cannot be read: its pack is corrupt or missing`);
    process.stdout.write(payload);
    return;
  }
  for (const [name, value] of Object.entries(facts))
    console.log(`${name.padEnd(11)}${value instanceof Date ? value.toISOString() : printable(String(value))}`);
  console.log(`\n${payload ? pretty(payload) : "The body cannot be read: its pack is corrupt or missing."}`);
}

function pretty(payload: Buffer): string {
  try {
    return JSON.stringify(JSON.parse(payload.toString("utf8")), null, 2).replace(CONTROLS_BEYOND_JSON, "\ufffd");
  } catch {
    return printable(payload.toString("utf8"));
  }
}

async function change(
  database: Queryable,
  ids: readonly string[],
  { all, dryRun, ...filters }: Change,
  action: "replay" | "discard",
  perform: (database: Queryable, filter: DeadLetterFilter, limit: number) => Promise<number>,
): Promise<void> {
  const filter: DeadLetterFilter = { ...filters, ...(ids.length > 0 ? { ids } : {}) };
  if (!all && Object.values(filter).every((value) => value === undefined))
    throw new Error(`Select what to ${action}: ids, filters, or --all`);
  if (all && ids.length > 0) throw new Error("Use ids or --all, not both");
  const total = await countMatching(database, filter);
  if (total < ids.length) console.error(`${ids.length - total} of these ids match no dead letter`);
  if (dryRun) {
    console.log(`would ${action} ${total} dead letter${total === 1 ? "" : "s"}`);
    return;
  }
  // A replayed delivery may become a dead letter again during this loop. It is not replayed a second time.
  const [clock] = await sql<{ now: Date }>(database, "SELECT clock_timestamp() AS now");
  const now = clock?.now ?? new Date();
  const before: DeadLetterFilter = { ...filter, until: filter.until && filter.until < now ? filter.until : now };
  let done = 0;
  for (let batch = BATCH_SIZE; batch === BATCH_SIZE; done += batch) {
    batch = await perform(database, before, BATCH_SIZE);
    if (total > BATCH_SIZE) console.error(`${action}: ${done + batch} of ${total}`);
  }
  console.log(`${action === "replay" ? "replayed" : "discarded"} ${done} dead letter${done === 1 ? "" : "s"}`);
}

function guid(text: string): string {
  if (!GUID.test(text)) throw new InvalidArgumentError("allowed: a delivery id, which is a GUID");
  return text.toLowerCase();
}
