import { readFileSync } from "node:fs";

/** Version of this build, from package.json. */
export const BUILD: { readonly version: string } = JSON.parse(readFileSync(packageJson(), "utf8")) as { version: string };

/** package.json is beside `src/`; a build has it beside `dist/`. */
function packageJson(): URL {
  const here = import.meta.url;
  return new URL(here.includes("/dist/src/") ? "../../../package.json" : "../../package.json", here);
}
