import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A TCP proxy before a database, which the test opens and closes. It keeps its port. */
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

  /** The database's URL through the proxy. */
  get url(): string {
    return this.#url.href;
  }

  open(): void {
    this.#end();
    this.#state = "open";
  }

  /** Closes all existing and new connections at once. */
  refuse(): void {
    this.#state = "refusing";
    this.#end();
  }

  /** Keeps and accepts connections but transfers nothing. */
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
