import { createServer, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createDataSource } from "../../src/database/data-source.js";

/** What a server answers to a request for TLS, and to a start-up message in plain text. */
interface Answers {
  readonly toTls: (socket: Socket) => void;
  readonly toPlain: (socket: Socket) => void;
}

const silence = () => undefined;
const noTls = (socket: Socket) => void socket.write("N");
const cutOff = (socket: Socket) => void socket.destroy();

/** A server's ErrorResponse. */
const refusal = (code: string, message: string) => (socket: Socket) => {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from("E\0\0\0\0");
  head.writeInt32BE(fields.length + 4, 1);
  socket.end(Buffer.concat([head, fields]));
};

async function serverWith({ toTls, toPlain }: Answers): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", silence);
    // The request for TLS is 8 bytes long; a start-up message is longer.
    socket.once("data", (message) => (message.length === 8 ? toTls : toPlain)(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

async function failureOf(port: number, sslmode: string): Promise<string> {
  const url = `postgres://u:p@127.0.0.1:${port}/d?sslmode=${sslmode}`;
  const dataSource = createDataSource({ DATABASE_URL: url, DATABASE_POOL_SIZE: 2, DATABASE_CONNECT_TIMEOUT: 1 }, silence);
  return dataSource.initialize().then(
    () => "connected",
    (error: unknown) => (error as Error).message,
  );
}

const WRONG_PASSWORD = refusal("28P01", "password authentication failed");
const NO_ENTRY = refusal("28000", "no pg_hba.conf entry, no encryption");

it.each<[string, string, Answers, RegExp]>([
  ["no TLS, then silence: the time-out", "prefer", { toTls: noTls, toPlain: silence }, /timeout/],
  ["no TLS, then a cut connection: that", "prefer", { toTls: noTls, toPlain: cutOff }, /terminated|ECONNRESET/],
  ["no TLS, then a wrong password: the password", "prefer", { toTls: noTls, toPlain: WRONG_PASSWORD }, /password/],
  ["silence to TLS, then silence: the time-out", "prefer", { toTls: silence, toPlain: silence }, /timeout/],
  ["a cut connection, then a wrong password: what the server said", "prefer", { toTls: cutOff, toPlain: WRONG_PASSWORD }, /password/],
  ["silence to TLS, then a wrong password: what the server said", "prefer", { toTls: silence, toPlain: WRONG_PASSWORD }, /password/],
  ["no entry for TLS, then a wrong password: the password", "prefer", { toTls: NO_ENTRY, toPlain: WRONG_PASSWORD }, /password/],
  ["no plain text, no TLS: what the server said", "allow", { toTls: noTls, toPlain: NO_ENTRY }, /pg_hba/],
  ["silence, then no TLS: the time-out", "allow", { toTls: noTls, toPlain: silence }, /timeout/],
])("sslmode: %s", async (_, mode, answers, expected) => {
  const said = await failureOf(await serverWith(answers), mode);
  expect(said).toMatch(expected);
  expect(said).not.toMatch(/does not support SSL/);
});
