import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isInstalled, ServerProcess } from "./server-process.js";

export const hasNats = isInstalled("nats-server");

/** A NATS server with JetStream, not started yet. @param maxPayload bytes */
export async function prepareNats(maxPayload = 1_048_576) {
  const server = await ServerProcess.prepare("nats-server", (port, directory) => {
    const file = join(directory, "nats.conf");
    writeFileSync(file, `listen: "127.0.0.1:${port}"\nmax_payload: ${maxPayload}\njetstream { store_dir: "${directory}" }\n`);
    return ["-c", file];
  });
  const url = `nats://127.0.0.1:${server.port}`;
  return {
    kind: "nats" as const,
    server,
    environment: { BUFFER: "nats", NATS_URL: url },
    /** Deletes the stream with all messages. */
    async wipe() {
      const connection = await connect({ servers: url });
      await (await jetstreamManager(connection)).streams.delete("octogauge");
      await connection.close();
    },
    /** Adds a message that is not a delivery. */
    async junk() {
      const connection = await connect({ servers: url });
      await (await jetstreamManager(connection)).jetstream().publish("octogauge.deliveries", "junk");
      await connection.close();
    },
  };
}
