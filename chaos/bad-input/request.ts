import { randomUUID } from "node:crypto";
import { signatureOf } from "../../src/simulator/post.js";
import { SECRET } from "../replica.js";

/** 0 stands for a connection that is closed without an answer. */
export const CLOSED = 0;

/** Bytes for one connection, and what may come of them. */
export interface RawRequest {
  readonly kind: string;
  readonly bytes: Buffer;
  /** The statuses that are right; undefined for any but a 5xx other than 503. */
  readonly allowed: readonly number[] | undefined;
  /** Whether our side of the connection is ended after the bytes. */
  readonly end: boolean;
  /** Whether it has to be counted if it is accepted; else it may become a dead letter. */
  readonly countable: boolean;
}

export type Header = readonly [name: string, value: string];

/** The headers of a good delivery of that body; ids differ from call to call. */
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

/** Header values are written byte by byte (latin1), so that any byte can be said. */
export function httpBytes(headers: readonly Header[], body: Buffer, line = "POST /webhook HTTP/1.1"): Buffer {
  const head = `${line}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

export const without = (headers: readonly Header[], name: string): Header[] =>
  headers.filter(([known]) => known.toLowerCase() !== name.toLowerCase());

export const withHeader = (headers: readonly Header[], name: string, value: string): Header[] => [...without(headers, name), [name, value]];
