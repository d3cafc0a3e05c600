import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy between Octogauge and its database that can become half-open: it forwards no data, no FIN and no RST. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that were open during a cut. */
  readonly #dead = new WeakSet<Socket>();
  #cut = false;

  private constructor(private readonly target: number) {
    // allowHalfOpen: pass the end of one side on only while forwarding.
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

  /** Starts the half-open state: accepts and keeps connections, but forwards neither data nor their end. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) {
      this.#dead.add(socket);
      socket.unpipe();
      socket.pause();
    }
  }

  /** Ends the half-open state for new connections. Old ones stay dead, like behind a firewall that lost its state. */
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
