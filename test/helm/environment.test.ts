import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { variables } from "../../src/config/variables.js";
import {
  CHART,
  CI_VALUES,
  envOf,
  HELM,
  type Manifest,
  objectsIn,
  of,
  one,
  pods,
  refusal,
  render,
  renderFile,
  renderText,
  typedValuesFile,
} from "./helm.js";

/** The contents of the files that the chart mounts. */
const FILES: Record<string, string> = {
  "database-url": "postgres://u:p@db:5432/o",
  "webhook-secret": "s",
  "app-private-key": "",
  "github-token": "t",
  "metrics-token": "m",
  "otlp-headers": "authorization=Bearer%20t",
};

/** Both broker URLs, although the chart mounts only one. */
const BROKERS: Record<string, string> = { NATS_URL: "nats://broker:4222", REDIS_URL: "redis://broker:6379" };

/** Variables that are not Octogauge's. */
const FOREIGN = /^NODE_/;

const settings = (container: Manifest): [string, string][] =>
  Object.entries(envOf(container)).filter(([name]) => !FOREIGN.test(name)) as [string, string][];

const serving = (objects: readonly Manifest[]) => of(objects, "Deployment").map(({ spec }) => spec.template.spec.containers[0]);

describe.skipIf(!HELM)("the environment set by the chart", () => {
  it.each(CI_VALUES)("ci/%s: contains only known variables with valid values", async (name) => {
    for (const container of serving(await renderFile(name))) {
      const environment: Record<string, string> = {};
      for (const [variable, value] of settings(container)) {
        const plain = variable.replace(/_FILE$/, "");
        expect([plain, plain in variables]).toEqual([plain, true]);
        environment[plain] = variable === plain ? value : (FILES[value.split("/").at(-1)!] ?? BROKERS[plain] ?? "");
      }
      // A valid private key is not available here.
      delete environment["GITHUB_APP_ID"];
      delete environment["GITHUB_APP_PRIVATE_KEY"];
      if (!environment["GITHUB_TOKEN"]) delete environment["GITHUB_HOOKS"];
      expect(loadConfig(environment)).toMatchObject({ MIGRATIONS: "wait", PORT: 8080, MANAGEMENT_PORT: 8081 });
    }
  });

  it("large numbers are not changed to another notation, and every file is mounted", async () => {
    const objects = await renderFile("full-values.yaml");
    for (const { spec } of pods(objects)) {
      const [container] = spec.containers;
      expect(envOf(container)["MAX_SERIES_PER_METRIC"] ?? "1000000").toBe("1000000");
      const mounted = spec.volumes
        .flatMap(({ projected }: Manifest) => projected?.sources ?? [])
        .flatMap(({ secret }: Manifest) => secret.items);
      for (const [variable, value] of settings(container)) {
        if (!variable.endsWith("_FILE")) continue;
        expect(value.startsWith(container.volumeMounts[0].mountPath)).toBe(true);
        expect(mounted.map(({ path }: Manifest) => path)).toContain(value.split("/").at(-1));
      }
    }
    const [gateway] = serving(objects);
    expect(envOf(gateway)).toMatchObject({ GITHUB_APP_ID: "12345", GITHUB_HOOKS: "app,org:acme:7", BRANCH_LABEL: "name", BUFFER: "redis" });
  });

  it("a variable that is set twice appears once, with the user's value", async () => {
    const extraEnv = [{ name: "LOG_LEVEL", value: "debug" }];
    const objects = await render({
      config: { LOG_LEVEL: "warn", BATCH_SIZE: 100 },
      extraEnv,
      gateway: { extraEnv: [{ name: "BATCH_SIZE", value: "60" }] },
    });
    for (const { spec } of pods(objects).filter(({ labels }) => labels["app.kubernetes.io/component"] !== "test")) {
      const names = spec.containers[0].env.map(({ name }: Manifest) => name);
      expect(names).toEqual([...new Set(names)]);
      expect(envOf(spec.containers[0])["LOG_LEVEL"]).toBe("debug");
    }
    expect(serving(objects).map((container) => envOf(container)["BATCH_SIZE"])).toEqual(["60", "100"]);
  });
});

describe.skipIf(!HELM)("values in YAML types", () => {
  it("YAML booleans become the word that the variable accepts, and fractions are kept", async () => {
    const text = await renderText(
      typedValuesFile(`
config:
  REDELIVERY: off
  BRANCH_LABEL: off
  LOG_DELIVERIES: on
  CI_TRACES: yes
  OTEL_EXPORTER_OTLP_ENDPOINT: http://collector:4318
  OTEL_SDK_DISABLED: true
  OTEL_TRACES_SAMPLER_ARG: 0.1
  REQUEST_TIMEOUT: 8.5
  POLL_INTERVAL: 0.5
  MAX_INFLIGHT_BYTES: 268435456
  FAIR_SHARE: 0
  AUDIT_WINDOW: 2d`),
    );
    for (const { spec } of pods(objectsIn(text)).filter(({ labels }) => labels["app.kubernetes.io/component"] !== "test"))
      expect(envOf(spec.containers[0])).toMatchObject({
        REDELIVERY: "off",
        BRANCH_LABEL: "off",
        LOG_DELIVERIES: "on",
        CI_TRACES: "on",
        OTEL_SDK_DISABLED: "true",
        OTEL_TRACES_SAMPLER_ARG: "0.1",
        REQUEST_TIMEOUT: "8.5",
        POLL_INTERVAL: "0.5",
        MAX_INFLIGHT_BYTES: "268435456",
        FAIR_SHARE: "0",
        AUDIT_WINDOW: "2d",
      });
  });

  it("booleans are accepted only for variables that have words for them", async () => {
    const known = Object.keys(
      (JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8")) as { properties: { config: { properties: object } } }).properties
        .config.properties,
    ) as (keyof typeof variables)[];
    const takes = (name: keyof typeof variables, value: string) =>
      variables[name].safeParse(value).success && !variables[name].safeParse("no such word").success;
    for (const value of [true, false]) {
      const [words, refused] = [value ? ["on", "true"] : ["off", "false"], [] as string[]];
      for (const name of known) if (!words.some((word) => takes(name, word))) refused.push(name);
      expect(refused.length).toBeGreaterThan(known.length - 7);
      const output = await refusal({ config: Object.fromEntries(refused.map((name) => [name, value])) });
      for (const name of refused) expect(output).toContain(`/config/${name}'`);
      const taken = Object.fromEntries(known.filter((name) => !refused.includes(name)).map((name) => [name, value]));
      const [gateway] = serving(await render({ config: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318", ...taken } }));
      for (const name of Object.keys(taken)) expect(takes(name as keyof typeof variables, envOf(gateway)[name]!)).toBe(true);
    }
  });

  it("the same is true for values that are not variables", async () => {
    const text = await renderText(
      typedValuesFile(
        "gateway: { topologySpread: { zone: off, node: DoNotSchedule } }\nworker: { topologySpread: { zone: off, node: off } }",
      ),
    );
    const [gateway, worker] = of(objectsIn(text), "Deployment").map(({ spec }) => spec.template.spec);
    expect(gateway.topologySpreadConstraints.map(({ topologyKey }: Manifest) => topologyKey)).toEqual(["kubernetes.io/hostname"]);
    expect(worker).not.toHaveProperty("topologySpreadConstraints");
  });

  it("numbers that go to Kubernetes fields are not changed either", async () => {
    const objects = await render({
      gateway: { drainTimeout: 30.5, shutdownDelay: 0.5 },
      worker: { keda: { enabled: true, pendingAge: 0.5 } },
    });
    expect(envOf(serving(objects)[0])).toMatchObject({ DRAIN_TIMEOUT: "30.5", SHUTDOWN_DELAY: "0.5" });
    expect(one(objects, "ScaledObject").spec.triggers[0].metadata.targetQueryValue).toBe("0.5");
  });
});
