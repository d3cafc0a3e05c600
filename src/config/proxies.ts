type Environment = Readonly<Record<string, string | undefined>>;

const PROXY_VARIABLES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
const ENDPOINT_VARIABLES = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/**
 * A warning where OTLP over HTTP does not use the configured proxy. Requests to GitHub always use it. OTLP uses Node's HTTP
 * client, which needs NODE_USE_ENV_PROXY=1 and Node 22.21, 24.5 or newer.
 */
export function unusedProxy(environment: Environment, nodeVersion: string = process.versions.node): string[] {
  const name = PROXY_VARIABLES.find((candidate) => environment[candidate]);
  if (!name || !ENDPOINT_VARIABLES.some((endpoint) => environment[endpoint])) return [];
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  const canUse = (major === 22 && minor >= 21) || (major === 24 && minor >= 5) || major > 24;
  if (canUse && environment["NODE_USE_ENV_PROXY"] === "1") return [];
  return [
    canUse
      ? `${name} is set, but OpenTelemetry over HTTP does not use it; set NODE_USE_ENV_PROXY=1 as well to send traces through the proxy`
      : `${name} is set, but node ${nodeVersion} cannot use it for OpenTelemetry over HTTP; use node 22.21, 24.5 or newer with NODE_USE_ENV_PROXY=1`,
  ];
}
