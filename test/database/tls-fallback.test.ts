import { createServer, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createDataSource } from "../../src/database/data-source.js";

/** The answers of a server to a TLS request and to a plain start-up message. */
interface Answers {
  readonly toTls: (socket: Socket) => void;
  readonly toPlain: (socket: Socket) => void;
}

const silence = () => undefined;
const noTls = (socket: Socket) => void socket.write("N");
const cutOff = (socket: Socket) => void socket.destroy();

/** An ErrorResponse of a server. */
const refusal = (code: string, message: string) => (socket: Socket) => {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from("E\0\0\0\0");
  head.writeInt32BE(fields.length + 4, 1);
  socket.end(Buffer.concat([head, fields]));
};

async function serverWith({ toTls, toPlain }: Answers): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", silence);
    // A TLS request is 8 bytes long. A start-up message is longer.
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
  ["no TLS, then silence: reports the timeout", "prefer", { toTls: noTls, toPlain: silence }, /timeout/],
  ["no TLS, then a closed connection: reports the closed connection", "prefer", { toTls: noTls, toPlain: cutOff }, /terminated|ECONNRESET/],
  ["no TLS, then a wrong password: reports the password", "prefer", { toTls: noTls, toPlain: WRONG_PASSWORD }, /password/],
  ["silence to TLS, then silence: reports the timeout", "prefer", { toTls: silence, toPlain: silence }, /timeout/],
  [
    "a closed connection, then a wrong password: reports the server's error",
    "prefer",
    { toTls: cutOff, toPlain: WRONG_PASSWORD },
    /password/,
  ],
  ["silence to TLS, then a wrong password: reports the server's error", "prefer", { toTls: silence, toPlain: WRONG_PASSWORD }, /password/],
  [
    "no pg_hba entry for TLS, then a wrong password: reports the password",
    "prefer",
    { toTls: NO_ENTRY, toPlain: WRONG_PASSWORD },
    /password/,
  ],
  ["no pg_hba entry for plain text, then no TLS: reports the server's error", "allow", { toTls: noTls, toPlain: NO_ENTRY }, /pg_hba/],
  ["silence, then no TLS: reports the timeout", "allow", { toTls: noTls, toPlain: silence }, /timeout/],
])("sslmode: %s", async (_, mode, answers, expected) => {
  const output = await failureOf(await serverWith(answers), mode);
  expect(output).toMatch(expected);
  expect(output).not.toMatch(/does not support SSL/);
});
