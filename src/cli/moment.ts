import { InvalidArgumentError } from "commander";
import { parseDuration } from "../config/index.js";

/** Parses the time of an option: an absolute time, or a duration before now. */
export function moment(text: string): Date {
  const seconds = parseDuration(text);
  const date = seconds === undefined ? new Date(text) : new Date(Date.now() - seconds * 1_000);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("allowed: a time such as 2026-11-21T10:00Z, or a duration such as 2h");
  return date;
}
