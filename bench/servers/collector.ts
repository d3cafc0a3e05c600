import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Accepts and discards all OTLP exports over HTTP. */
const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => response.writeHead(200, { "content-type": "application/x-protobuf" }).end());
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
