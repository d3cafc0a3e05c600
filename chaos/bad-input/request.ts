import { randomUUID } from "node:crypto";
import { signatureOf } from "../../src/simulator/post.js";
import { SECRET } from "../replica.js";

/** Status for a connection that is closed without an answer. */
export const CLOSED = 0;

/** The bytes of one connection, and the allowed results. */
export interface RawRequest {
  readonly kind: string;
  readonly bytes: Buffer;
  /** Allowed statuses; undefined allows all except 5xx other than 503. */
  readonly allowed: readonly number[] | undefined;
  /** True to half-close the connection after the bytes. */
  readonly end: boolean;
  /** True if the delivery must be counted when accepted; otherwise it may become a dead letter. */
  readonly countable: boolean;
}

export type Header = readonly [name: string, value: string];

/** Valid headers for the body, with a new id for each call. */
export function goodHeaders(event: string, body: Buffer, id: string = randomUUID()): Header[] {
  return [
    ["Host", "localhost"],
    ["Connection", "close"],
    ["Content-Type", "application/json"],
    ["X-GitHub-Delivery", id],
    ["X-GitHub-Event", event],
    ["X-GitHub-Hook-ID", "1"],
    ["X-Hub-Signature-256", signatureOf(SECRET, body)],
    ["Content-Length", String(body.length)],
  ];
}

/** Writes header values as latin1, so that they can contain any byte. */
export function httpBytes(headers: readonly Header[], body: Buffer, line = "POST /webhook HTTP/1.1"): Buffer {
  const head = `${line}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

export const without = (headers: readonly Header[], name: string): Header[] =>
  headers.filter(([known]) => known.toLowerCase() !== name.toLowerCase());

export const withHeader = (headers: readonly Header[], name: string, value: string): Header[] => [...without(headers, name), [name, value]];
