import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  CHART,
  CI_VALUES,
  envOf,
  HELM,
  helm,
  type Manifest,
  notes,
  of,
  one,
  pods,
  refusal,
  render,
  renderFile,
  renderText,
  type Values,
  valuesFile,
} from "./helm.js";

describe.skipIf(!HELM)("the chart", () => {
  it.each(CI_VALUES)("ci/%s: lint finds nothing", async (name) => {
    expect(await helm("lint", "--strict", CHART, "--values", join(CHART, "ci", name))).toContain("0 chart(s) failed");
  });

  it("split: gateways have both ports, workers only the management port", async () => {
    const objects = await render();
    const ports = (name: string) =>
      one(objects, "Deployment", name).spec.template.spec.containers[0].ports.map((port: Manifest) => [port.name, port.containerPort]);
    expect(of(objects, "Deployment")).toHaveLength(2);
    expect(ports("-gateway")).toEqual([
      ["webhook", 8080],
      ["management", 8081],
    ]);
    expect(ports("-worker")).toEqual([["management", 8081]]);
    expect(pods(objects).map(({ spec }) => envOf(spec.containers[0])["MODE"])).toEqual(["gateway", "worker", undefined, undefined]);
  });

  it("standalone: one Deployment, the target of both Services", async () => {
    const objects = await render({ mode: "standalone" });
    const deployment = one(objects, "Deployment");
    expect(envOf(deployment.spec.template.spec.containers[0])["MODE"]).toBe("standalone");
    for (const service of of(objects, "Service")) expect(service.spec.selector).toEqual(deployment.spec.selector.matchLabels);
  });

  it("selectors match only their own pods", async () => {
    for (const name of CI_VALUES) {
      const objects = await renderFile(name);
      const matching = (selector: Record<string, string>) =>
        pods(objects).filter(({ labels }) => Object.entries(selector).every(([key, value]) => labels[key] === value));
      for (const service of of(objects, "Service")) expect(matching(service.spec.selector)).toHaveLength(1);
      for (const deployment of of(objects, "Deployment")) expect(matching(deployment.spec.selector.matchLabels)).toHaveLength(1);
      for (const budget of of(objects, "PodDisruptionBudget")) expect(matching(budget.spec.selector.matchLabels)).toHaveLength(1);
    }
  });

  it("probes use the management port: a pod that waits for the schema is live but unready", async () => {
    for (const { spec } of of(await render(), "Deployment").map(({ spec }) => spec.template)) {
      const { startupProbe, livenessProbe, readinessProbe, env } = spec.containers[0];
      expect(startupProbe.httpGet).toEqual({ path: "/health/live", port: "management" });
      expect(livenessProbe.httpGet).toEqual({ path: "/health/live", port: "management" });
      expect(readinessProbe.httpGet).toEqual({ path: "/health/ready", port: "management" });
      expect(env).toContainEqual({ name: "MIGRATIONS", value: "wait" });
      // The startup probe allows longer than the default wait for PostgreSQL.
      expect(startupProbe.periodSeconds * startupProbe.failureThreshold).toBeGreaterThan(20);
    }
  });

  it.each(CI_VALUES)("ci/%s: every pod is restricted, gets no token, and mounts secrets only as files", async (name) => {
    for (const { spec } of pods(await renderFile(name))) {
      expect(spec.automountServiceAccountToken).toBe(false);
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      });
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources.requests.memory && container.resources.limits.memory).toBeTruthy();
        expect(JSON.stringify(container.env ?? [])).not.toMatch(/secretKeyRef|postgres:/);
      }
      const volumes = spec.volumes.filter((volume: Manifest) => volume.projected);
      expect(volumes.length).toBeGreaterThan(0);
      for (const { projected } of volumes) {
        // Only the group can read it.
        expect(projected.defaultMode).toBe(0o440);
        for (const source of projected.sources) expect(Object.keys(source)).toEqual(["secret"]);
      }
    }
  });

  it("a pod gets only its own secrets, and the Job only the database's", async () => {
    const objects = await renderFile("full-values.yaml");
    const secrets = (end: string, kind: string) =>
      one(objects, kind, end)
        .spec.template.spec.volumes.flatMap(({ projected }: Manifest) => projected?.sources ?? [])
        .map(({ secret }: Manifest) => secret.name);
    expect(secrets("-gateway", "Deployment")).toEqual([
      "octogauge-database",
      "octogauge-github",
      "octogauge-metrics",
      "octogauge-otlp",
      "octogauge-redis",
    ]);
    expect(secrets("", "Job")).toEqual(["octogauge-database"]);
    expect(of(objects, "Secret")).toEqual([]);
  });

  it("a pod stops only after its successor is ready, and has enough time for shutdown", async () => {
    for (const name of CI_VALUES) {
      for (const { spec } of of(await renderFile(name), "Deployment")) {
        expect(spec.strategy.rollingUpdate.maxUnavailable).toBe(0);
        const [container] = spec.template.spec.containers;
        const env = envOf(container);
        const sleep = container.lifecycle?.preStop.sleep.seconds ?? 0;
        expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(Number(env["DRAIN_TIMEOUT"]) + sleep);
        expect(Number(env["SHUTDOWN_DELAY"] ?? 0)).toBeLessThan(Number(env["DRAIN_TIMEOUT"]));
      }
    }
    const [slow] = of(await render({ gateway: { drainTimeout: 100.5, preStopSleep: 7 } }), "Deployment");
    expect(slow.spec.template.spec.terminationGracePeriodSeconds).toBe(113);
  });

  it("each component with several pods has a disruption budget", async () => {
    const budgets = async (worker: Values) => of(await render({ worker }), "PodDisruptionBudget").map(({ metadata }) => metadata.name);
    expect(await budgets({ replicas: 2 })).toEqual(["rel-octogauge-gateway", "rel-octogauge-worker"]);
    expect(await budgets({ replicas: 1 })).toEqual(["rel-octogauge-gateway"]);
    expect(await budgets({ replicas: 3, hpa: { enabled: true, minReplicas: 1 } })).toEqual(["rel-octogauge-gateway"]);
    expect(await budgets({ pdb: { enabled: false } })).toEqual(["rel-octogauge-gateway"]);
  });

  it("a digest overrides the tag, and the tag overrides the chart's version", async () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const image = async (values: object) => new Set(pods(await render({ image: values })).map(({ spec }) => spec.containers[0].image));
    expect(await image({})).toEqual(new Set(["registry.example.com/octogauge:0.1.0"]));
    expect(await image({ tag: "2.0.0" })).toEqual(new Set(["registry.example.com/octogauge:2.0.0"]));
    expect(await image({ tag: "2.0.0", digest })).toEqual(new Set([`registry.example.com/octogauge@${digest}`]));
  });

  it("an upgrade renders the same text, because nothing is random", async () => {
    for (const name of CI_VALUES) {
      const file = join(CHART, "ci", name);
      expect(await renderText(file, "--is-upgrade")).toBe(await renderText(file));
    }
  });

  it.each(CI_VALUES)("ci/%s: the notes give the next steps", async (name) => {
    const output = await notes(join(CHART, "ci", name));
    expect(output).toContain("helm test rel -n ns");
    expect(output).toMatch(/octogauge-database: ur[il]/);
    expect(output).toMatch(/Connections to PostgreSQL: up to \d+/);
    expect(output).toContain("kubectl -n ns get secret octogauge-github -o jsonpath='{.data.webhook-secret}' | base64 -d");
    expect(output).not.toMatch(/%!|<no value>|<nil>/);
  });

  it("the notes print the command for the webhook secret, whatever its key is", async () => {
    expect(await notes(valuesFile({ github: { webhookSecretKey: "hook.secret" } }))).toContain(
      "get secret gh -o jsonpath='{.data.hook\\.secret}' | base64 -d",
    );
  });

  it("the notes warn that ingress-nginx rejects large deliveries, unless its limit is raised", async () => {
    const ingress = { enabled: true, hosts: ["a.example.com"] };
    const annotation = "nginx.ingress.kubernetes.io/proxy-body-size";
    expect(await notes(valuesFile({ ingress }))).toContain(annotation);
    expect(await notes(valuesFile({ ingress: { ...ingress, annotations: { [annotation]: "26m" } } }))).not.toContain(annotation);
    expect(await notes(valuesFile({}))).not.toContain(annotation);
    const tried = await Promise.all(CI_VALUES.map(renderFile));
    const nginx = tried.flatMap((objects) => of(objects, "Ingress")).filter(({ spec }) => spec.ingressClassName === "nginx");
    expect(nginx.map(({ metadata }) => metadata.annotations[annotation])).toEqual(["26m"]);
  });

  it("the notes list alerts without data, and a scrape configuration without the operator", async () => {
    const open = { networkPolicy: { enabled: false } };
    const blind = /alerts on processes have no data/;
    expect(await notes(valuesFile({ ...open, monitoring: { rules: { enabled: true } } }))).toMatch(blind);
    expect(await notes(valuesFile({ ...open, monitoring: { rules: { enabled: true }, process: { enabled: true } } }))).not.toMatch(blind);
    const output = await notes(valuesFile(open));
    expect(output).not.toMatch(blind);
    const lines = output.split("\n");
    const yaml = lines.slice(lines.findIndex((line) => line.includes("- job_name"))).filter((line) => /^ {3}(- job_name| )/.test(line));
    const jobs = parse(yaml.join("\n")) as Manifest[];
    expect(jobs.map(({ job_name, metrics_path }) => [job_name, metrics_path])).toEqual([
      ["rel-octogauge", "/metrics"],
      ["rel-octogauge-process", "/metrics/process"],
    ]);
    expect(jobs[1].kubernetes_sd_configs).toEqual([{ role: "pod", namespaces: { names: ["ns"] } }]);
    // The pod labels that identify the pods, in Prometheus's spelling.
    const keeps = (labels: Record<string, string>, port: string) =>
      jobs[1].relabel_configs
        .filter(({ action }: Manifest) => action === "keep")
        .every(({ source_labels, regex }: Manifest) =>
          new RegExp(`^(?:${regex})$`).test(
            source_labels
              .map((name: string) =>
                name === "__meta_kubernetes_pod_container_port_name"
                  ? port
                  : (Object.entries(labels).find(
                      ([label]) => name === `__meta_kubernetes_pod_label_${label.replace(/[^a-zA-Z0-9_]/g, "_")}`,
                    )?.[1] ?? ""),
              )
              .join(";"),
          ),
        );
    for (const { owner, labels, spec } of pods(await render(open))) {
      const ports: string[] = spec.containers.flatMap(({ ports = [{ name: "" }] }: Manifest) => ports.map(({ name }: Manifest) => name));
      expect([owner, ports.filter((port) => keeps(labels, port))]).toEqual([owner, owner.startsWith("Deployment/") ? ["management"] : []]);
    }
  });

  it("names stay within Kubernetes' limits for any release name", async () => {
    const text = await helm("template", "r".repeat(53), CHART, "--values", valuesFile({ image: { tag: `v${"9.".repeat(60)}9_RC` } }));
    const names = [...text.matchAll(/^ {2}name: (\S+)/gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    for (const [, value] of text.matchAll(/app\.kubernetes\.io\/version: (\S+)/g))
      expect(value!).toMatch(/^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/);
  });
});

describe.skipIf(!HELM)("names and overrides", () => {
  const namesOf = async (release: string, values: Readonly<Record<string, unknown>> = {}) =>
    new Set(
      [...(await helm("template", release, CHART, "--values", valuesFile(values))).matchAll(/^ {2}name: (\S+)/gm)].map(([, name]) => name),
    );

  it("two long release names with the same beginning share no object name", async () => {
    const [one, other] = [await namesOf(`${"r".repeat(40)}-one`), await namesOf(`${"r".repeat(40)}-two`)];
    expect([...one].filter((name) => other.has(name))).toEqual([]);
  });

  it.each([
    { fullnameOverride: "Octo_Gauge" },
    { nameOverride: "-x" },
    { nameOverride: "x".repeat(64) },
    { service: { externalTrafficPolicy: "Local" } },
  ])("%j is refused", async (values) => {
    await expect(namesOf("rel", values)).rejects.toThrow(/nameOverride|fullnameOverride|externalTrafficPolicy/);
  });
});

describe.skipIf(!HELM)("migrations", () => {
  it("with a role of their own, its Secret goes only to the migrating container", async () => {
    const secretsOf = (spec: Manifest, container: Manifest) =>
      container.volumeMounts.flatMap(({ name }: Manifest) =>
        spec.volumes
          .filter((volume: Manifest) => volume.name === name)
          .flatMap(({ projected }: Manifest) => projected.sources.map(({ secret }: Manifest) => [secret.name, secret.items[0].key])),
      );
    for (const [own, expected] of [
      [{ existingSecret: "migrator", urlKey: "dsn" }, ["migrator", "dsn"]],
      [{ existingSecret: "migrator" }, ["migrator", "url"]],
      [{ urlKey: "dsn" }, ["db", "dsn"]],
      [{}, ["db", "url"]],
    ] as const) {
      const job = one(await render({ migrations: own }), "Job").spec.template.spec;
      expect(secretsOf(job, job.containers[0])).toEqual([expected]);
      const init = of(await render({ migrations: { ...own, mode: "init" } }), "Deployment");
      for (const { spec } of init.map(({ spec }) => spec.template)) {
        expect(secretsOf(spec, spec.initContainers[0])).toEqual([expected]);
        expect(secretsOf(spec, spec.containers[0])).toEqual([
          ["db", "url"],
          ["gh", "webhook-secret"],
        ]);
      }
    }
    expect(await notes(valuesFile({ migrations: { existingSecret: "migrator" } }))).toContain("- migrator: url");
  });

  it("a rollout deadline covers the duration of the migrations", async () => {
    for (const { spec } of of(await render({ progressDeadlineSeconds: 3600 }), "Deployment"))
      expect(spec.progressDeadlineSeconds).toBe(3600);
  });

  it("mode job: each change makes a new plain Job, because a Job cannot be changed", async () => {
    const job = async (values: Values) => one(await render(values), "Job");
    const first = await job({});
    expect(Object.keys(first.metadata.annotations ?? {}).filter((key) => key.startsWith("helm.sh/hook"))).toEqual([]);
    expect(first.metadata.name).toMatch(/^rel-octogauge-migrate-0-1-0-[0-9a-f]{8}$/);
    expect(first.spec.template.spec.containers[0].args).toEqual(["migrate"]);
    expect(first.spec).not.toHaveProperty("ttlSecondsAfterFinished");
    expect((await job({})).metadata.name).toBe(first.metadata.name);
    for (const change of [
      { image: { tag: "0.2.0" } },
      { database: { urlKey: "other" } },
      { migrations: { resources: { limits: { memory: "1Gi" } } } },
    ]) {
      expect((await job(change)).metadata.name).not.toBe(first.metadata.name);
    }
    // Settings of the pods do not change the Job.
    expect((await job({ gateway: { replicas: 3 } })).metadata.name).toBe(first.metadata.name);
  });

  it("modes init and external have no Job", async () => {
    const init = await render({ migrations: { mode: "init" } });
    expect(of(init, "Job")).toEqual([]);
    for (const { spec } of of(init, "Deployment")) expect(spec.template.spec.initContainers[0].args).toEqual(["migrate"]);
    const external = await render({ migrations: { mode: "external" } });
    expect(of(external, "Job")).toEqual([]);
    for (const { spec } of of(external, "Deployment")) expect(spec.template.spec).not.toHaveProperty("initContainers");
  });
});

describe.skipIf(!HELM)("the chart rejects", () => {
  it.each<[string, object, RegExp]>([
    ["an unknown key", { gatway: {} }, /gatway/],
    ["an unknown nested key", { worker: { keda: { enable: true } } }, /enable/],
    ["a misspelt variable", { config: { BRANCH_LABLE: "name" } }, /BRANCH_LABLE/],
    ["a variable that the chart sets", { config: { DATABASE_POOL_SIZE: 3 } }, /DATABASE_POOL_SIZE/],
    ["a secret in plain settings", { config: { GITHUB_TOKEN: "x" } }, /GITHUB_TOKEN/],
    ["an unknown mode", { mode: "gateway" }, /mode/],
    ["hpa and keda on the same workers", { worker: { hpa: { enabled: true }, keda: { enabled: true } } }, /worker/],
    ["a deployment without workers", { worker: { replicas: 0 } }, /replicas/],
    ["an invalid digest", { image: { digest: "latest" } }, /digest/],
    ["no image", { image: { repository: "" } }, /image\.repository is empty/],
    ["no webhook secret", { github: { existingSecret: "" } }, /github\.existingSecret is empty/],
    ["no database", { database: { existingSecret: "" } }, /database\.existingSecret is empty/],
    ["an App without its key", { github: { appId: "1" } }, /appPrivateKeyKey/],
    ["two credentials", { github: { appId: "1", appPrivateKeyKey: "a", tokenKey: "b" } }, /both set/],
    ["hooks without credentials", { github: { hooks: ["org:acme:1"] } }, /no credentials/],
    ["a broker without a URL", { buffer: { type: "redis" } }, /buffer\.existingSecret/],
    ["a termination grace period that is too short", { gateway: { shutdownDelay: 30, drainTimeout: 30 } }, /gateway\.shutdownDelay/],
    ["a pool that is too small", { worker: { concurrency: 7 } }, /worker\.poolSize .* at least 9/],
    ["more connections than the budget", { worker: { replicas: 8 } }, /up to 106 connections [^]*Budget is 97/],
    ["more connections than the budget at maxReplicas", { gateway: { hpa: { enabled: true, maxReplicas: 20 } } }, /21 pods × 10/],
    ["the same at KEDA's maxReplicas", { worker: { keda: { enabled: true, maxReplicas: 20 } } }, /21 pods × 8, KEDA: 2, /],
    ["a scrape that the network policy blocks", { monitoring: { fleet: { enabled: true } } }, /managementFrom/],
    ["an Ingress without a host", { ingress: { enabled: true } }, /ingress\.hosts/],
    ["KEDA without Prometheus", { worker: { keda: { enabled: true, source: "prometheus" } } }, /prometheusAddress/],
    ["a boolean for a text setting", { config: { LOG_LEVEL: true } }, /\/config\/LOG_LEVEL'.*boolean/],
    ["egress rules without a target", { networkPolicy: { egress: { enabled: true } } }, /egress\.rules is empty/],
    ["a variable in extraEnv that the chart sets", { extraEnv: [{ name: "PORT", value: "80" }] }, /extraEnv sets PORT/],
    [
      "the same in a component's extraEnv",
      { gateway: { extraEnv: [{ name: "DRAIN_TIMEOUT", value: "9" }] } },
      /gateway\.extraEnv sets DRAIN_TIMEOUT/,
    ],
    [
      "several processes that the budget does not count",
      { worker: { extraEnv: [{ name: "WEB_CONCURRENCY", value: "4" }] } },
      /worker\.extraEnv sets WEB_CONCURRENCY/,
    ],
    ["a secret variable next to its file", { extraEnv: [{ name: "DATABASE_URL", valueFrom: {} }] }, /extraEnv sets DATABASE_URL,/],
    [
      "a second file for a secret",
      { extraEnv: [{ name: "GITHUB_WEBHOOK_SECRET_FILE", value: "/a" }] },
      /extraEnv sets GITHUB_WEBHOOK_SECRET_FILE/,
    ],
    [
      "a setting together with its file",
      { config: { LABEL_DENY: "branch" }, extraEnv: [{ name: "LABEL_DENY_FILE", value: "/a" }] },
      /LABEL_DENY and LABEL_DENY_FILE/,
    ],
    ["an autoscaler without a metric", { gateway: { hpa: { enabled: true, cpuUtilization: null } } }, /nothing to scale by/],
  ])("%s", async (_, values, message) => {
    expect(await refusal(values as Record<string, unknown>)).toMatch(message);
  });

  it("several problems, all reported at once", async () => {
    const output = await refusal({ image: { repository: "" }, database: { existingSecret: "" }, gateway: { shutdownDelay: 99 } });
    expect(output).toContain("The values have 3 problem(s)");
  });

  it("a preStop sleep if the Kubernetes version has none", async () => {
    const file = valuesFile({ gateway: { preStopSleep: 5 } });
    for (const version of ["1.29.0", "1.29.14-gke.100"])
      expect(await refusal(file, "--kube-version", version)).toMatch(/gateway\.preStopSleep .*1\.30/);
    expect(await renderText(file, "--kube-version", "1.30.1-eks-a")).toContain("sleep: { seconds: 5 }");
    expect(await renderText(valuesFile({}), "--kube-version", "1.29.0")).toContain("kind: Deployment");
  });

  it("but accepts a variable whose own setting is unused", async () => {
    const secret = { secretKeyRef: { name: "other", key: "token" } };
    const [gateway] = of(
      await render({
        extraEnv: [
          { name: "GITHUB_TOKEN", valueFrom: secret },
          { name: "HOST", value: "::" },
        ],
      }),
      "Deployment",
    );
    expect(gateway.spec.template.spec.containers[0].env).toContainEqual({ name: "GITHUB_TOKEN", valueFrom: secret });
    expect(await refusal({ github: { tokenKey: "token" }, extraEnv: [{ name: "GITHUB_TOKEN", valueFrom: secret }] })).toContain(
      "extraEnv sets GITHUB_TOKEN",
    );
  });

  it("but accepts any size if the connection budget is off", async () => {
    expect(of(await render({ worker: { replicas: 50 }, database: { connectionBudget: 0 } }), "Deployment")).toHaveLength(2);
  });
});
