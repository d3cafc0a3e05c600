import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { CHART, HELM, helm, type Manifest, objectsIn, of, render, valuesFile } from "./helm.js";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const DASHBOARDS = readdirSync(join(DEPLOY, "grafana"));
const monitoring = { rules: { enabled: true }, dashboards: { enabled: true } };

const dashboardsIn = (objects: readonly Manifest[]) =>
  of(objects, "ConfigMap").filter(({ metadata }) => metadata.labels["grafana_dashboard"] === "1");

describe.skipIf(!HELM)("rules and dashboards", () => {
  it("equal those of deploy/ exactly", async () => {
    const objects = await render({ monitoring });
    const [rule] = of(objects, "PrometheusRule");
    expect(rule.spec).toEqual(parse(readFileSync(join(DEPLOY, "prometheus/octogauge.rules.yml"), "utf8")));
    expect(dashboardsIn(objects)).toHaveLength(DASHBOARDS.length);
    for (const { data } of dashboardsIn(objects))
      for (const [name, text] of Object.entries(data as Record<string, string>))
        expect(text.trim()).toBe(readFileSync(join(DEPLOY, "grafana", name), "utf8").trim());
  });

  it("are in the packaged chart too, and rendered only if enabled", async () => {
    const folder = mkdtempSync(join(tmpdir(), "octogauge-package-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await helm("package", CHART, "--destination", folder);
    const [archive] = readdirSync(folder);
    const objects = objectsIn(await helm("template", "rel", join(folder, archive!), "--values", valuesFile({ monitoring })));
    expect([of(objects, "PrometheusRule").length, dashboardsIn(objects).length]).toEqual([1, DASHBOARDS.length]);
    const without = await render();
    expect([of(without, "PrometheusRule").length, dashboardsIn(without).length]).toEqual([0, 0]);
  });
});
