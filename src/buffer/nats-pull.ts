import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node";

/** Ends a pull without answer. A reachable server says when it has no more messages, so this means a lost server. */
const STALL_TIMEOUT_MS = 5_000;

/** Why a pull ended: no more messages, the next message exceeds max_bytes, or the consumer does not exist. */
export type PullEnd = "done" | "too-large" | "gone";

/**
 * Fetches the messages that a consumer has now, without waiting. The client's `fetch` waits at least a second if there are fewer
 * than requested. Uses JetStream's `CONSUMER.MSG.NEXT` (NATS ADR-13).
 */
export function pull(
  connection: NatsConnection,
  subject: string,
  request: { readonly batch: number; readonly max_bytes?: number },
): Promise<{ readonly messages: readonly Msg[]; readonly end: PullEnd }> {
  return new Promise((resolve) => {
    const messages: Msg[] = [];
    const inbox = createInbox();
    const end = (why: PullEnd) => {
      clearTimeout(timer);
      subscription.unsubscribe();
      resolve({ messages, end: why });
    };
    // Subscribe first: it throws if the connection is closed.
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error) return end("gone");
        const { code = 0, description = "" } = message.headers ?? {};
        if (code > 0 && message.data.length === 0) return end(endOf(code, description, messages.length));
        messages.push(message);
        timer.refresh();
        // Do not end earlier: the server redelivers messages for an ended pull only after a minute.
        if (messages.length >= request.batch) end("done");
      },
    });
    const timer = setTimeout(() => end("done"), STALL_TIMEOUT_MS);
    connection.publish(subject, JSON.stringify({ ...request, no_wait: true }), { reply: inbox });
  });
}

function endOf(code: number, description: string, count: number): PullEnd {
  if (code === 503 || /deleted/i.test(description)) return "gone";
  return code === 409 && count === 0 && /max ?bytes/i.test(description) ? "too-large" : "done";
}
