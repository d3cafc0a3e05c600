type Environment = Readonly<Record<string, string | undefined>>;

/** Names of the variables by which other programs find a proxy. */
const NAMES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/**
 * A sentence where a proxy is configured that node would not use. Node itself takes these variables, for GitHub and for OTLP
 * over HTTP, once NODE_USE_ENV_PROXY=1 is set; releases before 22.21 (and 23, and 24 before 24.5) cannot.
 */
export function unusedProxy(environment: Environment, nodeVersion: string = process.versions.node): string[] {
  const name = NAMES.find((candidate) => environment[candidate]);
  if (!name) return [];
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  const canUse = (major === 22 && minor >= 21) || (major === 24 && minor >= 5) || major > 24;
  if (canUse && environment["NODE_USE_ENV_PROXY"] === "1") return [];
  return [
    canUse
      ? `${name} is set, but not used; set NODE_USE_ENV_PROXY=1 as well to reach GitHub and OpenTelemetry through it`
      : `${name} is set, but node ${nodeVersion} cannot use it; node 22.21, 24.5 or newer can, with NODE_USE_ENV_PROXY=1`,
  ];
}
