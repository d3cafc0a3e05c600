type Environment = Readonly<Record<string, string | undefined>>;

/** Names of the variables by which other programs find a proxy. */
const NAMES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
/** Names of the variables that say where an OpenTelemetry collector is. */
const ENDPOINTS = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/**
 * A sentence where a proxy is configured that traces would not use. Requests to GitHub always go through it. OTLP over HTTP
 * is node's own client, which takes these variables once NODE_USE_ENV_PROXY=1 is set; releases before 22.21 (and 23, and 24
 * before 24.5) cannot.
 */
export function unusedProxy(environment: Environment, nodeVersion: string = process.versions.node): string[] {
  const name = NAMES.find((candidate) => environment[candidate]);
  if (!name || !ENDPOINTS.some((endpoint) => environment[endpoint])) return [];
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  const canUse = (major === 22 && minor >= 21) || (major === 24 && minor >= 5) || major > 24;
  if (canUse && environment["NODE_USE_ENV_PROXY"] === "1") return [];
  return [
    canUse
      ? `${name} is set, but not used for OpenTelemetry over HTTP; set NODE_USE_ENV_PROXY=1 as well to reach the collector through it`
      : `${name} is set, but node ${nodeVersion} cannot use it for OpenTelemetry over HTTP; node 22.21, 24.5 or newer can, with NODE_USE_ENV_PROXY=1`,
  ];
}
