import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { LiveConfig } from "../../src/config/live-config.js";
import { Credentials } from "../../src/github/credentials.js";
import { testEnvironment } from "../support/octogauge.js";

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

/** A proxy that connects every tunnel to one server and records the requested targets. */
async function proxyTo(port: number): Promise<{ url: string; targets: string[] }> {
  const targets: string[] = [];
  const server = createServer((_, response) => void response.writeHead(501).end());
  server.on("connect", (request, socket: Socket) => {
    targets.push(request.url ?? "");
    const far = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      far.pipe(socket).pipe(far);
    });
    for (const end of [far, socket]) end.on("error", () => undefined);
    onTestFinished(() => (far.destroy(), socket.destroy(), undefined));
  });
  return { url: `http://127.0.0.1:${await listening(server)}`, targets };
}

async function ask(apiUrl: string): Promise<unknown> {
  const config = loadConfig(testEnvironment("postgres://u@127.0.0.1/x", { GITHUB_TOKEN: "token-of-tests", GITHUB_API_URL: apiUrl }));
  const { octokit } = await new Credentials(config, new LiveConfig(config)).for({ kind: "app" });
  return (await octokit.request("GET /rate_limit")).data;
}

async function gitHub(): Promise<number> {
  return listening(
    createServer((request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ host: request.headers.host, authorization: request.headers.authorization }));
    }),
  );
}

afterEach(() => vi.unstubAllEnvs());

it.each(["HTTP_PROXY", "http_proxy"])("%s: a request to GitHub goes through a CONNECT tunnel", async (name) => {
  const proxy = await proxyTo(await gitHub());
  vi.stubEnv(name, proxy.url);
  // Only the proxy can reach this name.
  expect(await ask("http://github.invalid:8080")).toEqual({ host: "github.invalid:8080", authorization: "token token-of-tests" });
  expect(proxy.targets).toEqual(["github.invalid:8080"]);
});

it("HTTPS_PROXY: a request to an https URL asks the proxy for a tunnel to port 443", async () => {
  const proxy = await proxyTo(await gitHub());
  vi.stubEnv("HTTPS_PROXY", proxy.url);
  // The target does not use TLS here, so the request fails after the tunnel is open.
  await expect(ask("https://github.invalid")).rejects.toThrow(/./);
  expect(proxy.targets).toEqual(["github.invalid:443"]);
});

it("NO_PROXY: a request to a listed host goes there directly", async () => {
  const port = await gitHub();
  const proxy = await proxyTo(port);
  vi.stubEnv("HTTP_PROXY", proxy.url);
  vi.stubEnv("NO_PROXY", "127.0.0.1");
  expect(await ask(`http://127.0.0.1:${port}`)).toMatchObject({ host: `127.0.0.1:${port}` });
  expect(proxy.targets).toEqual([]);
});
