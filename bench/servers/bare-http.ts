import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SECRET } from "../payloads.js";

// The limit of the runtime: only node:http and an HMAC.
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const expected = createHmac("sha256", SECRET).update(Buffer.concat(chunks)).digest();
    const given = Buffer.from(String(request.headers["x-hub-signature-256"]).slice(7), "hex");
    const status = given.length === expected.length && timingSafeEqual(given, expected) ? 202 : 401;
    response.writeHead(status, { "content-type": "application/json", "content-length": 21 });
    response.end('{"status":"accepted"}');
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
