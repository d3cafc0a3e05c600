import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as it is sent. */
  readonly text?: string;
}

/** A host with answers that the fake GitHub would never give. It stops at the end of the test. */
export async function startScripted(answer: (request: IncomingMessage) => ScriptedAnswer) {
  const requests: { readonly method: string; readonly url: string; readonly authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    request.resume();
    requests.push({ method: request.method ?? "", url: request.url ?? "", authorization: request.headers.authorization });
    const { status = 200, headers = {}, text = "[]" } = answer(request);
    response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
