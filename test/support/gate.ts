import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** TCP before a database, which the test opens and shuts; it keeps its port. */
export class Gate {
  #state: "open" | "refusing" | "hanging" = "open";
  readonly #sockets = new Set<Socket>();

  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #target: number;
  readonly #url: URL;

  private constructor(databaseUrl: string) {
    this.#url = new URL(databaseUrl);
    this.#target = Number(this.#url.port);
  }

  static async before(databaseUrl: string): Promise<Gate> {
    const gate = new Gate(databaseUrl);
    await new Promise<void>((resolve) => gate.#server.listen(0, "127.0.0.1", resolve));
    gate.#url.port = String((gate.#server.address() as { port: number }).port);
    onTestFinished(async () => {
      const closed = new Promise((resolve) => gate.#server.close(resolve));
      gate.refuse();
      await closed;
    });
    return gate;
  }

  /** The database's address, through the gate. */
  get url(): string {
    return this.#url.href;
  }

  open(): void {
    this.#end();
    this.#state = "open";
  }

  /** Connections end at once, those that are there as well. */
  refuse(): void {
    this.#state = "refusing";
    this.#end();
  }

  /** Connections are kept and taken, and no byte gets through. */
  hang(): void {
    this.#state = "hanging";
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  #end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(client: Socket): void {
    this.#track(client);
    if (this.#state === "refusing") client.destroy();
    if (this.#state !== "open") return;
    const server = connect(this.#target, "127.0.0.1");
    this.#track(server);
    client.pipe(server);
    server.pipe(client);
    client.once("close", () => server.destroy());
    server.once("close", () => client.destroy());
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
