import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CHART, CI_VALUES, HELM, KUBECONFORM, kubeconform, renderText } from "./helm.js";

const SCHEMAS = fileURLToPath(new URL("schemas/{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json", import.meta.url));

/** The findings of kubeconform by object, without files outside this folder. */
function wrong(manifests: string): string[] {
  const { resources, summary } = JSON.parse(
    kubeconform(manifests, "-strict", "-summary", "-output", "json", "-schema-location", SCHEMAS),
  ) as {
    resources?: { kind: string; name: string; status: string; msg: string }[];
    summary: { valid: number; skipped: number };
  };
  expect(summary.skipped).toBe(0);
  return (resources ?? []).map(({ kind, name, status, msg }) => `${kind}/${name} ${status}: ${msg}`);
}

describe.skipIf(!HELM || !KUBECONFORM)("Kubernetes and the operators know every field", () => {
  it.each(CI_VALUES)("ci/%s", async (name) => {
    expect(wrong(await renderText(join(CHART, "ci", name)))).toEqual([]);
  });

  it("an unknown field, a wrong type and a missing field are found", async () => {
    const text = await renderText(join(CHART, "ci", "full-values.yaml"));
    const found = (from: string, to: string): string => {
      expect(text).toContain(from);
      return wrong(text.replace(from, to)).join("\n");
    };
    expect(found("terminationGracePeriodSeconds:", "terminationGraceSeconds:")).toMatch(/Deployment.*terminationGraceSeconds/);
    expect(found("backoffLimit: 10", "backoffLimit: ten")).toMatch(/Job.*backoffLimit/);
    expect(found("metricsPath:", "path:")).toMatch(/ScrapeConfig/);
    expect(found("podMetricsEndpoints:", "endpoints:")).toMatch(/PodMonitor/);
    expect(found("backendRefs:", "backends:")).toMatch(/HTTPRoute/);
    expect(found("minReplicaCount:", "minReplicas:")).toMatch(/ScaledObject/);
  });
});
