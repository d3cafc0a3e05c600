import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { goodHeaders, httpBytes } from "./bad-input/request.js";
import type { Stage } from "./stage.js";

const BODY = '{"action":"created"}';
const HELD_BYTES = 5;

/** Sends a delivery except its last bytes; `finish` sends them and returns the answer. The delivery must be counted. */
export async function holdDelivery({ expectation, traffic }: Stage, webhook: URL): Promise<() => Promise<string>> {
  const deliveryId = randomUUID();
  expectation.add({ deliveryId, event: "star", body: BODY });
  traffic.record.took(deliveryId);
  const bytes = httpBytes(goodHeaders("star", Buffer.from(BODY), deliveryId), Buffer.from(BODY));
  const socket = connect(Number(webhook.port), webhook.hostname);
  let text = "";
  socket.on("data", (data) => (text += data.toString()));
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  await once(socket, "connect");
  socket.write(bytes.subarray(0, -HELD_BYTES));
  return async () => {
    socket.write(bytes.subarray(-HELD_BYTES));
    await closed;
    const answer = text.split("\r\n", 1)[0] ?? "";
    if (answer.includes(" 202 ")) traffic.record.accept(deliveryId);
    return answer;
  };
}
