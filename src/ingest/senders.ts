import { Inject, Injectable } from "@nestjs/common";
import type { IncomingMessage } from "node:http";
import { CONFIG, type Config, type Networks } from "../config/index.js";

/** Checks the address of the sender before the signature, so that unknown senders take no memory. */
@Injectable()
export class Senders {
  readonly #allowed: Networks | undefined;
  readonly #proxies: Networks;

  constructor(@Inject(CONFIG) { WEBHOOK_ALLOW, TRUSTED_PROXIES }: Pick<Config, "WEBHOOK_ALLOW" | "TRUSTED_PROXIES">) {
    this.#allowed = WEBHOOK_ALLOW.entries.length > 0 ? WEBHOOK_ALLOW : undefined;
    this.#proxies = TRUSTED_PROXIES;
  }

  allow(request: IncomingMessage): boolean {
    return this.#allowed === undefined || this.#allowed.has(this.#senderOf(request));
  }

  /** Each proxy appends the address of its caller, so this reads the header from the end, up to the first untrusted address. */
  #senderOf({ socket, headers }: IncomingMessage): string {
    let sender = socket.remoteAddress ?? "";
    const hops = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",");
    while (this.#proxies.has(sender) && hops.length > 0) sender = withoutPort(hops.pop()!.trim());
    return sender;
  }
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
const withoutPort = (hop: string): string => /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
