import type { Call } from "./route.js";

/** GitHub's page size: default 30, maximum 100. */
export function perPage(call: Call): number {
  const asked = Number(call.query.get("per_page") ?? 30);
  return Number.isInteger(asked) && asked > 0 ? Math.min(asked, 100) : 30;
}

/** One link of a Link header: the request's own address with a changed query. */
export function link(call: Call, rel: string, changes: Readonly<Record<string, string | number>>): string {
  const query = new URLSearchParams(call.query);
  for (const [name, value] of Object.entries(changes)) query.set(name, String(value));
  return `<${call.base}${call.path}?${query}>; rel="${rel}"`;
}

/** The page that `page` and `per_page` select, with GitHub's links to the others. `reachable` is the number of items that can be listed. */
export function pageOf<T>(
  call: Call,
  all: readonly T[],
  reachable = Number.POSITIVE_INFINITY,
): { items: readonly T[]; headers: Record<string, string> } {
  const size = perPage(call);
  const page = Math.max(1, Math.trunc(Number(call.query.get("page") ?? 1)) || 1);
  const end = Math.min(all.length, reachable);
  const last = Math.max(1, Math.ceil(end / size));
  const links = [
    ...(page > 1 ? [link(call, "prev", { page: page - 1, per_page: size }), link(call, "first", { page: 1, per_page: size })] : []),
    ...(page < last ? [link(call, "next", { page: page + 1, per_page: size }), link(call, "last", { page: last, per_page: size })] : []),
  ];
  const items = all.slice((page - 1) * size, Math.min(page * size, end));
  return { items, headers: links.length > 0 ? { link: links.join(", ") } : {} };
}
