import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { CI_VALUES, HELM, type Manifest, renderFile } from "./helm.js";

/** What the chart makes of each file, for a reader of the difference. Other tests say what of it must hold. */
const rendered = (name: string) => fileURLToPath(new URL(`rendered/${name}`, import.meta.url));

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
/** Of the chart and of the image, and as it is in the Job's name. */
const THIS_VERSION = new RegExp(`(?<![\\d.])${version.replaceAll(".", "[.-]")}(?![\\d.])`, "g");

/** Read and written anew, so that it is not Helm's way of writing that is compared; without what each release or each change of a neighbour changes. */
function shown(objects: readonly Manifest[]): string {
  const text = objects
    .map((object) => stringify(withoutFiles(object), { lineWidth: 0, aliasDuplicateObjects: false, sortMapEntries: true }))
    .join("---\n");
  return text.replaceAll(THIS_VERSION, "VERSION").replace(/(-migrate-\S+-)[0-9a-f]{8}\b/g, "$1HASH");
}

/** What is a file of its own, with tests of its own, is there by its name. */
function withoutFiles(object: Manifest): Manifest {
  if (object.kind === "PrometheusRule") object.spec = "files/octogauge.rules.yml";
  if (object.kind === "Pod") object.spec.containers[0].args = ["files/test-delivery.js"];
  for (const key of Object.keys(object.data ?? {})) if (key.endsWith(".json")) object.data[key] = `files/dashboards/${key}`;
  return object;
}

describe.skipIf(!HELM)("what is rendered", () => {
  it.each(CI_VALUES)("ci/%s: is as it was; after a change that is meant, write it anew with -u", async (name) => {
    await expect(shown(await renderFile(name))).toMatchFileSnapshot(rendered(name.replace("-values", "")));
  });
});
