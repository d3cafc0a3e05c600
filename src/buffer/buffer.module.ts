import { Module } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Broker } from "./broker.js";

/**
 * Buffers deliveries that PostgreSQL does not accept. Gateways publish (intake.module.ts); workers drain into the inbox
 * (drain.module.ts). Without `BUFFER` there is no broker.
 */
@Module({ providers: [{ provide: Broker, useFactory: brokerFor, inject: [CONFIG] }], exports: [Broker] })
export class BufferModule {}

/** Loads only the client library in use. */
async function brokerFor(config: Config): Promise<Broker | undefined> {
  if (config.BUFFER === "nats") return new (await import("./nats.broker.js")).NatsBroker(config);
  if (config.BUFFER === "redis") return new (await import("./redis.broker.js")).RedisBroker(config);
  return undefined;
}
