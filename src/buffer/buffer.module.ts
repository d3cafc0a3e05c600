import { Module } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Broker } from "./broker.js";

/**
 * Enters: deliveries that PostgreSQL does not take, from ingest. Leaves: each of them, into the inbox, once.
 * Gateways publish (intake.module), workers drain (drain.module); health and metrics ask how it is. Without BUFFER there is no broker.
 */
@Module({ providers: [{ provide: Broker, useFactory: brokerFor, inject: [CONFIG] }], exports: [Broker] })
export class BufferModule {}

/** Only the library that is used is loaded. */
async function brokerFor(config: Config): Promise<Broker | undefined> {
  if (config.BUFFER === "nats") return new (await import("./nats.broker.js")).NatsBroker(config);
  if (config.BUFFER === "redis") return new (await import("./redis.broker.js")).RedisBroker(config);
  return undefined;
}
