import { describe, expect, it } from "vitest";
import { CI_VALUES, HELM, type Manifest, of, one, render, renderFile } from "./helm.js";

const MONITORING = { networkPolicy: { managementFrom: [{ namespaceSelector: { matchLabels: { monitoring: "yes" } } }] } };

describe.skipIf(!HELM)("network access", () => {
  it.each(CI_VALUES)("ci/%s: the management port is never exposed outside the cluster", async (name) => {
    const objects = await renderFile(name);
    const publicService = of(objects, "Service").find(({ metadata }) => !metadata.name.endsWith("-management"));
    const management = one(objects, "Service", "-management");
    expect(publicService.spec.ports.map((port: Manifest) => port.targetPort)).toEqual(["webhook"]);
    expect(management.spec).toMatchObject({ type: "ClusterIP", ports: [{ targetPort: "management", port: 8081 }] });

    const paths = [
      ...of(objects, "Ingress").flatMap(({ spec }) => spec.rules.flatMap((rule: Manifest) => rule.http.paths)),
      ...of(objects, "HTTPRoute").flatMap(({ spec }) =>
        spec.rules.flatMap((rule: Manifest) => rule.matches.map((match: Manifest) => ({ ...rule.backendRefs[0], ...match.path }))),
      ),
    ];
    for (const { path, pathType, value, type, backend, name: target } of paths) {
      expect([path ?? value, pathType ?? type]).toEqual([name === "full-values.yaml" ? "/github/webhook" : "/webhook", "Exact"]);
      expect(backend?.service.name ?? target).toBe(publicService.metadata.name);
    }
    for (const route of of(objects, "HTTPRoute")) expect(route.spec.rules[0].backendRefs[0].port).toBe(publicService.spec.ports[0].port);
    for (const { spec } of of(objects, "Ingress")) expect(spec).not.toHaveProperty("defaultBackend");
  });

  it("each pod but the test's has a policy: all sources may reach the webhook port, named sources the management port", async () => {
    const policies = of(await render(MONITORING), "NetworkPolicy");
    expect(policies.map(({ metadata }) => metadata.name)).toEqual(
      ["gateway", "worker", "migrations"].map((name) => `rel-octogauge-${name}`),
    );
    for (const { metadata, spec } of policies) {
      expect(spec.policyTypes).toEqual(["Ingress"]);
      const rules = (port: string) =>
        (spec.ingress ?? []).filter((rule: Manifest) => rule.ports.some((each: Manifest) => each.port === port));
      expect(rules("webhook")).toEqual(metadata.name.endsWith("-gateway") ? [{ ports: [{ port: "webhook", protocol: "TCP" }] }] : []);
      // An empty or missing list would allow every source.
      for (const rule of rules("management"))
        expect(rule.from).toEqual([
          { podSelector: { matchLabels: expect.objectContaining({ "app.kubernetes.io/component": "test" }) } },
          { namespaceSelector: { matchLabels: { monitoring: "yes" } } },
        ]);
      expect(spec.ingress?.every((rule: Manifest) => rule.ports.length === 1) ?? true).toBe(true);
    }
  });

  it("without named sources, only the test's pod may reach the management port", async () => {
    const [policy] = of(await render(), "NetworkPolicy");
    expect(policy.spec.ingress[1].from).toHaveLength(1);
  });

  it("the fleet is scraped once, by a ScrapeConfig or a ServiceMonitor, and each process on its own", async () => {
    const scraped = async (kind: string) =>
      render({
        ...MONITORING,
        metrics: { existingSecret: "m" },
        monitoring: { fleet: { enabled: true, kind }, process: { enabled: true } },
      });
    const authorization = { type: "Bearer", credentials: { name: "m", key: "token" } };
    const config = one(await scraped("ScrapeConfig"), "ScrapeConfig");
    expect(config.spec).toMatchObject({
      staticConfigs: [{ targets: ["rel-octogauge-management.ns.svc:8081"] }],
      metricsPath: "/metrics",
      authorization,
    });

    const objects = await scraped("ServiceMonitor");
    expect(of(objects, "ScrapeConfig")).toEqual([]);
    const [endpoint, ...others] = one(objects, "ServiceMonitor").spec.endpoints;
    expect(others).toEqual([]);
    expect(endpoint).toMatchObject({ port: "management", path: "/metrics", authorization });
    const selected = of(objects, "Service").filter(({ metadata }) =>
      Object.entries(one(objects, "ServiceMonitor").spec.selector.matchLabels).every(([key, value]) => metadata.labels[key] === value),
    );
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(["rel-octogauge-management"]);

    const monitor = one(objects, "PodMonitor").spec;
    expect(monitor.podMetricsEndpoints).toMatchObject([{ port: "management", path: "/metrics/process", authorization }]);
    expect(monitor.selector.matchExpressions[0].values).toEqual(["gateway", "worker"]);
  });

  it("workers scale by age and depth: by KEDA or by a HorizontalPodAutoscaler", async () => {
    const keda = await render({ worker: { keda: { enabled: true } } });
    const scaled = one(keda, "ScaledObject").spec;
    expect(scaled.scaleTargetRef.name).toBe(one(keda, "Deployment", "-worker").metadata.name);
    expect(scaled.triggers.map(({ type, metricType }: Manifest) => [type, metricType])).toEqual([
      ["postgresql", "Value"],
      ["postgresql", "AverageValue"],
    ]);
    expect(one(keda, "TriggerAuthentication").spec.secretTargetRef).toEqual([{ parameter: "connection", name: "db", key: "url" }]);
    expect(of(keda, "HorizontalPodAutoscaler")).toEqual([]);

    const hpa = await render({ worker: { hpa: { enabled: true, pendingAge: 30, pending: 5_000_000 } } });
    expect(one(hpa, "HorizontalPodAutoscaler").spec.metrics.map((metric: Manifest) => metric.external ?? metric.resource.name)).toEqual([
      "cpu",
      // One series per metric, because the autoscaler adds up series, and a sum of ages is not an age.
      { metric: { name: "octogauge_inbox_oldest_pending_age_seconds_max" }, target: { type: "Value", value: "30" } },
      { metric: { name: "octogauge_inbox_pending_sum" }, target: { type: "AverageValue", averageValue: "5000000" } },
    ]);
    // The autoscaler sets the number of replicas.
    for (const objects of [keda, hpa]) expect(one(objects, "Deployment", "-worker").spec).not.toHaveProperty("replicas");
    expect(of(await render({ mode: "standalone", worker: { keda: { enabled: true } } }), "ScaledObject")).toEqual([]);
  });
});
