import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node";

/** Ends a pull whose server says nothing more. It says when it has no more, so this is for one that is gone. Milliseconds. */
const STALL = 5_000;

/** Why a pull ended: nothing more, the next one alone is over max_bytes, or there is no such consumer. */
export type PullEnd = "done" | "too-large" | "gone";

/**
 * Takes what a consumer has now, without waiting for more: the client's own `fetch` waits a second at least where there is
 * less than it asked for. The request is that of JetStream's API, `CONSUMER.MSG.NEXT` (NATS: ADR-13).
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
    // First, since it throws where the connection is closed.
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error) return end("gone");
        const { code = 0, description = "" } = message.headers ?? {};
        if (code > 0 && message.data.length === 0) return end(endOf(code, description, messages.length));
        messages.push(message);
        timer.refresh();
        // Else it is the server that ends it: what is sent to a pull that was ended here comes again after a minute only.
        if (messages.length >= request.batch) end("done");
      },
    });
    const timer = setTimeout(() => end("done"), STALL);
    connection.publish(subject, JSON.stringify({ ...request, no_wait: true }), { reply: inbox });
  });
}

function endOf(code: number, description: string, count: number): PullEnd {
  if (code === 503 || /deleted/i.test(description)) return "gone";
  return code === 409 && count === 0 && /max ?bytes/i.test(description) ? "too-large" : "done";
}
