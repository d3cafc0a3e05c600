import { readFileSync } from "node:fs";

/** Name and version of this build, from its package.json. */
export const BUILD: { readonly version: string } = JSON.parse(readFileSync(packageJson(), "utf8")) as { version: string };

/** Beside `src/` when run from sources, two folders above `dist/src/metrics/` when built. */
function packageJson(): URL {
  const here = import.meta.url;
  return new URL(here.includes("/dist/src/") ? "../../../package.json" : "../../package.json", here);
}
