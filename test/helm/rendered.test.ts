import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { CI_VALUES, HELM, type Manifest, renderFile } from "./helm.js";

/** Renders each CI file, so that a reader sees the difference of a change. Other tests state the rules. */
const rendered = (name: string) => fileURLToPath(new URL(`rendered/${name}`, import.meta.url));

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
/** The version of chart and image, also in the form of the Job's name. */
const THIS_VERSION = new RegExp(`(?<![\\d.])${version.replaceAll(".", "[.-]")}(?![\\d.])`, "g");

/** Parses and prints the objects again, so that Helm's formatting does not matter, and removes versions and hashes. */
function shown(objects: readonly Manifest[]): string {
  const text = objects
    .map((object) => stringify(withoutFiles(object), { lineWidth: 0, aliasDuplicateObjects: false, sortMapEntries: true }))
    .join("---\n");
  return text.replaceAll(THIS_VERSION, "VERSION").replace(/(-migrate-\S+-)[0-9a-f]{8}\b/g, "$1HASH");
}

/** Replaces the content of embedded files, which have their own tests, by their names. */
function withoutFiles(object: Manifest): Manifest {
  if (object.kind === "PrometheusRule") object.spec = "files/octogauge.rules.yml";
  if (object.kind === "Pod") object.spec.containers[0].args = ["files/test-delivery.js"];
  for (const key of Object.keys(object.data ?? {})) if (key.endsWith(".json")) object.data[key] = `files/dashboards/${key}`;
  return object;
}

describe.skipIf(!HELM)("the rendered chart", () => {
  it.each(CI_VALUES)("ci/%s: equals the recorded text; after an intended change, update it with -u", async (name) => {
    await expect(shown(await renderFile(name))).toMatchFileSnapshot(rendered(name.replace("-values", "")));
  });
});
