import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A minimal load balancer: each new connection goes to the next receiver that accepts it. @returns its URL */
export async function roundRobin(urls: readonly string[]): Promise<string> {
  const ports = urls.map((url) => Number(new URL(url).port));
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  };
  let taken = 0;
  const server = createServer((client) => {
    track(client);
    const dial = (left: number) => {
      const receiver = connect(ports[taken++ % ports.length]!, "127.0.0.1");
      let isThere = false;
      track(receiver);
      receiver.once("connect", () => {
        isThere = true;
        client.pipe(receiver).pipe(client);
        client.once("close", () => receiver.destroy());
      });
      receiver.once("close", () => (isThere || left === 0 ? client.destroy() : dial(left - 1)));
    };
    dial(ports.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const url = new URL(urls[0]!);
  url.port = String((server.address() as { port: number }).port);
  return url.href;
}
