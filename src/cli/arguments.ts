import { InvalidArgumentError } from "commander";

/** An empty value, such as of an unset shell variable, would match everything. */
export function notEmpty(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("allowed: a text that is not empty");
  return text;
}

/** A whole number from 1. */
export function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("allowed: a whole number from 1");
  return value;
}
