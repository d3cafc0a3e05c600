import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { variables } from "../../src/config/variables.js";
import { metricsReference } from "../support/metrics-reference.js";
import { CHART } from "./helm.js";

const reference = metricsReference();

const text = readFileSync(join(CHART, "values.yaml"), "utf8");
const values = parse(text) as Record<string, unknown>;
const schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));

interface Documented {
  readonly path: readonly string[];
  readonly meaning: string | undefined;
  readonly isLeaf: boolean;
}

/** The keys of values.yaml in order, each with its comment. */
function documented(): Documented[] {
  const lines = text.split("\n");
  const keys: { path: string[]; meaning: string | undefined }[] = [];
  let path: string[] = [];
  for (const [index, line] of lines.entries()) {
    const [, indent, key] = /^( *)([A-Za-z]+):/.exec(line) ?? [];
    if (indent === undefined || key === undefined) continue;
    path = [...path.slice(0, indent.length / 2), key];
    keys.push({ path, meaning: /^ *# -- (.*)/.exec(lines[index - 1] ?? "")?.[1] });
  }
  return keys.map(({ path, meaning }) => ({
    path,
    meaning,
    isLeaf: !keys.some((other) => other.path.length > path.length && path.every((key, index) => other.path[index] === key)),
  }));
}

const at = (path: readonly string[]): unknown => path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], values);

it("every value has a comment", () => {
  const all = documented();
  expect(all.length).toBeGreaterThan(150);
  const covered = ({ path, meaning }: Documented) =>
    meaning !== undefined ||
    all.some((other) => other.meaning && other.path.length < path.length && other.path.every((key, index) => path[index] === key));
  expect(all.filter((key) => key.isLeaf && !covered(key)).map(({ path }) => path.join("."))).toEqual([]);
});

it("the schema is closed: every object with listed keys rejects others", () => {
  const open: string[] = [];
  const look = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    if ("properties" in node && !path.includes("/not") && (!("additionalProperties" in node) || node.additionalProperties !== false))
      open.push(path);
    for (const [key, child] of Object.entries(node)) look(child, `${path}/${key}`);
  };
  look(schema, "");
  expect(open).toEqual([]);
});

it("the chart's config accepts every variable that no other value sets", () => {
  const taken = Object.keys(schema.properties.config.properties);
  const template = readFileSync(join(CHART, "templates/_pod.tpl"), "utf8");
  const isSetByChart = (name: string) => new RegExp(`\\b${name}(_FILE)?\\b`).test(template);
  // These variables make no sense in a container with one process.
  const withoutUse = new Set(["DATA_DIR", "WEB_CONCURRENCY"]);
  // Set from service.ipFamilies if it has IPv6, else from config.
  const byFamily = new Set(["HOST", "MANAGEMENT_HOST"]);
  expect(taken.sort()).toEqual(
    Object.keys(variables)
      .filter((name) => (byFamily.has(name) || !isSetByChart(name)) && !withoutUse.has(name))
      .sort(),
  );
});

it("helm/octogauge/README.md lists all values", async () => {
  const page = readFileSync(join(CHART, "README.md"), "utf8");
  const rows = documented()
    .filter(({ meaning }) => meaning !== undefined)
    .map(({ path, meaning }) => `| \`${path.join(".")}\` | \`${JSON.stringify(at(path))}\` | ${meaning!.replaceAll("|", "\\|")} |`);
  const table = ["| value | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
  const marked = page.replace(
    /(<!-- values: .*-->\n)[^]*(<!-- end of values -->)/,
    (_, head: string, tail: string) => `${head}\n${table}\n\n${tail}`,
  );
  await expect(marked).toMatchFileSnapshot(join(CHART, "README.md"));
});

it("the README's adapter rules create the external metrics of the chart's defaults, with one series each", () => {
  const [, rules] = /```yaml\n(rules:\n[^]*?)```/.exec(readFileSync(join(CHART, "README.md"), "utf8"))!;
  const { external } = (parse(rules!) as { rules: { external: { name: { as: string }; metricsQuery: string; seriesQuery: string }[] } })
    .rules;
  const hpa = at(["worker", "hpa"]) as Record<string, string>;
  expect(external.map(({ name }) => name.as)).toEqual([hpa["pendingAgeMetric"], hpa["pendingMetric"]]);
  expect(external.map(({ metricsQuery }) => /^(max|sum)\((?! by)/.test(metricsQuery))).toEqual([true, true]);
  expect(external.map(({ seriesQuery }) => reference.has(/^\w+/.exec(seriesQuery)![0]))).toEqual([true, true]);
});

it("the chart, the image and the package have one version, and all build stages use one Node version", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  const dockerfile = readFileSync("Dockerfile", "utf8");
  expect((parse(readFileSync(join(CHART, "Chart.yaml"), "utf8")) as { appVersion: string }).appVersion).toBe(version);
  expect(dockerfile).toContain(`ARG VERSION=${version}\n`);
  const labels = Object.fromEntries(
    [...dockerfile.matchAll(/org\.opencontainers\.image\.(\w+)="\$(\w+)"/g)].map(([, label, name]) => [label, name]),
  );
  expect(labels).toEqual({ version: "VERSION", revision: "REVISION", source: "SOURCE" });
  for (const name of Object.values(labels)) expect(dockerfile.split(/^FROM /m).at(-1)).toContain(`\nARG ${name}=`);
  const nodes = [...dockerfile.matchAll(/^(?:FROM|ARG \w+=)\s*\S*?node(?:js)?:?(\d+)-/gm)].map(([, major]) => major);
  expect(nodes).toHaveLength(2);
  expect(new Set(nodes).size).toBe(1);
});
