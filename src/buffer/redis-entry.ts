import type { Message } from "./broker.js";
import { deliveryOf } from "./message.js";

/** The field with the raw body. */
export const BODY = "Body";

/** An entry of a Redis stream: its id, then alternating names and values; null if the entry was deleted. */
export type Entry = readonly [Buffer, readonly Buffer[] | null];

/** @returns a message with key and id as receipt; undefined for a deleted entry */
export function messageOf(key: string, [id, pairs]: Entry): Message | undefined {
  if (!pairs) return undefined;
  const fields = new Map<string, Buffer>();
  for (let at = 0; at + 1 < pairs.length; at += 2) fields.set(pairs[at]!.toString("latin1"), pairs[at + 1]!);
  const body = fields.get(BODY);
  const delivery = body && deliveryOf((name) => fields.get(name)?.toString("latin1"), body);
  return { delivery, receipt: `${key} ${id.toString("latin1")}` };
}
