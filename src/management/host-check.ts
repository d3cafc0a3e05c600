import type { IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import picomatch from "picomatch";

/** Reserved: no stranger can have a name below these, so none can make a browser inside ask us under it (DNS rebinding). */
const INSIDE = /^(?:[^.]+|.+\.(?:svc|cluster\.local|local|localhost|internal|home\.arpa))$/;
const NAME = /^(?:\[([^\]]*)\]|([^\s:]+))(?::\d+)?$/;

/**
 * Refuses requests of the management listener for names that are not known to be ours. Addresses and names that only exist
 * inside are.
 * @param allowed globs of further names
 */
export function hostCheck(allowed: readonly string[]): (request: IncomingMessage, response: ServerResponse, next: () => void) => void {
  const isNamed = allowed.length > 0 ? picomatch([...allowed], { nocase: true }) : () => false;
  const isAll = allowed.includes("*");
  return ({ headers: { host } }, response, next) => {
    // HTTP/1.0 may leave it out; a browser does not.
    if (isAll || host === undefined) return next();
    const [, address, name = ""] = NAME.exec(host) ?? [];
    if (isIP(address ?? name) !== 0 || INSIDE.test(name.toLowerCase()) || (name !== "" && isNamed(name))) return next();
    const detail = "this host name is not known here; add it to MANAGEMENT_ALLOWED_HOSTS";
    response.writeHead(421, { "content-type": "application/problem+json; charset=utf-8" });
    response.end(JSON.stringify({ type: "about:blank", title: "Misdirected Request", status: 421, detail }));
  };
}
