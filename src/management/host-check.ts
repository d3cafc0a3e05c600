import type { IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import picomatch from "picomatch";

/** Names that cannot be registered in public DNS, so that DNS rebinding cannot use them. */
const INTERNAL = /^(?:[^.]+|.+\.(?:svc|cluster\.local|local|localhost|internal|home\.arpa))$/;
const NAME = /^(?:\[([^\]]*)\]|([^\s:]+))(?::\d+)?$/;

/**
 * Refuses requests to the management listener whose `Host` is unknown. IP addresses and internal names are always allowed.
 * @param allowed globs of further names
 */
export function hostCheck(allowed: readonly string[]): (request: IncomingMessage, response: ServerResponse, next: () => void) => void {
  const isNamed = allowed.length > 0 ? picomatch([...allowed], { nocase: true }) : () => false;
  const isAll = allowed.includes("*");
  return ({ headers: { host } }, response, next) => {
    // HTTP/1.0 clients may omit Host; browsers never do.
    if (isAll || host === undefined) return next();
    const [, address, name = ""] = NAME.exec(host) ?? [];
    if (isIP(address ?? name) !== 0 || INTERNAL.test(name.toLowerCase()) || (name !== "" && isNamed(name))) return next();
    const detail = "this host name is not allowed; add it to MANAGEMENT_ALLOWED_HOSTS";
    response.writeHead(421, { "content-type": "application/problem+json; charset=utf-8" });
    response.end(JSON.stringify({ type: "about:blank", title: "Misdirected Request", status: 421, detail }));
  };
}
