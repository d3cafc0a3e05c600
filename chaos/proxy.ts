import { connect, createServer, type Server, type Socket } from "node:net";

/** TCP between Octogauge and its database, which can go half-open: nothing is forwarded, nobody is told. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those that lived through a cut. */
  readonly #dead = new WeakSet<Socket>();
  #cut = false;

  private constructor(private readonly target: number) {
    // Half-open allowed: an end on one side is passed on only while we forward.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  static async start(target: number): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** From now on connections are kept and accepted, but no byte and no end of a connection gets through. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) {
      this.#dead.add(socket);
      socket.unpipe();
      socket.pause();
    }
  }

  /** New connections work again. Those from before stay dead for ever, as behind a firewall that forgot them. */
  restore(): void {
    this.#cut = false;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.#track(client);
    if (this.#cut) {
      this.#dead.add(client);
      return;
    }
    const server = connect({ port: this.target, host: "127.0.0.1", allowHalfOpen: true });
    this.#track(server);
    client.pipe(server);
    server.pipe(client);
    client.once("close", () => !this.#dead.has(client) && server.destroy());
    server.once("close", () => !this.#dead.has(server) && client.destroy());
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
