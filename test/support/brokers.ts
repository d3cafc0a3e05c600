import { onTestFinished } from "vitest";
import type { Broker } from "../../src/buffer/broker.js";
import { NatsBroker } from "../../src/buffer/nats.broker.js";
import { RedisBroker } from "../../src/buffer/redis.broker.js";
import { hasNats, prepareNats } from "./nats-server.js";
import { hasRedis, prepareRedis } from "./redis-server.js";

export type PreparedBroker = Awaited<ReturnType<typeof prepareNats | typeof prepareRedis>>;

/** Every kind of broker: its name, whether its server is installed, and its setup. */
export const BROKERS: readonly (readonly [string, boolean, () => Promise<PreparedBroker>])[] = [
  ["nats", hasNats, () => prepareNats()],
  ["redis", hasRedis, () => prepareRedis()],
];

if (!hasNats) console.warn("*** SKIPPED: nats-server is not installed (apt-get install nats-server) ***");
if (!hasRedis) console.warn("*** SKIPPED: redis-server is not installed (apt-get install redis-server) ***");

/** The product's client of a broker. @param returnAfter milliseconds */
export function brokerOf({ environment }: PreparedBroker, returnAfter?: number): Broker {
  const broker =
    "NATS_URL" in environment
      ? new NatsBroker({ BUFFER_STREAM: "octogauge", NATS_URL: [environment.NATS_URL], NATS_REPLICAS: 1 }, returnAfter)
      : new RedisBroker({ BUFFER_STREAM: "octogauge", REDIS_URL: environment.REDIS_URL }, returnAfter);
  broker.onApplicationBootstrap();
  onTestFinished(() => broker.onApplicationShutdown());
  return broker;
}
