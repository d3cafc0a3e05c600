import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { variables } from "../../src/config/variables.js";
import { CI_VALUES, envOf, HELM, type Manifest, of, pods, render, renderFile } from "./helm.js";

/** What stands in the files that the chart mounts. */
const FILES: Record<string, string> = {
  "database-url": "postgres://u:p@db:5432/o",
  "webhook-secret": "s",
  "app-private-key": "",
  "github-token": "t",
  "metrics-token": "m",
  "otlp-headers": "authorization=Bearer%20t",
};

/** One file, whichever it is. */
const BROKERS: Record<string, string> = { NATS_URL: "nats://broker:4222", REDIS_URL: "redis://broker:6379" };

/** Not Octogauge's own. */
const FOREIGN = /^NODE_/;

const settings = (container: Manifest): [string, string][] =>
  Object.entries(envOf(container)).filter(([name]) => !FOREIGN.test(name)) as [string, string][];

const serving = (objects: readonly Manifest[]) => of(objects, "Deployment").map(({ spec }) => spec.template.spec.containers[0]);

describe.skipIf(!HELM)("the environment that the chart sets", () => {
  it.each(CI_VALUES)("ci/%s: is one that Octogauge knows and takes", async (name) => {
    for (const container of serving(await renderFile(name))) {
      const environment: Record<string, string> = {};
      for (const [variable, value] of settings(container)) {
        const plain = variable.replace(/_FILE$/, "");
        expect([plain, plain in variables]).toEqual([plain, true]);
        environment[plain] = variable === plain ? value : (FILES[value.split("/").at(-1)!] ?? BROKERS[plain] ?? "");
      }
      // Its key would have to be a real one.
      delete environment["GITHUB_APP_ID"];
      delete environment["GITHUB_APP_PRIVATE_KEY"];
      if (!environment["GITHUB_TOKEN"]) delete environment["GITHUB_HOOKS"];
      expect(loadConfig(environment)).toMatchObject({ MIGRATIONS: "wait", PORT: 8080, MANAGEMENT_PORT: 8081 });
    }
  });

  it("large numbers stay numbers, and every file is mounted", async () => {
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

  it("what is set twice is there once, with the last value: yours", async () => {
    const extraEnv = [{ name: "LOG_LEVEL", value: "debug" }];
    const objects = await render({
      config: { LOG_LEVEL: "warn" },
      extraEnv,
      gateway: { extraEnv: [{ name: "DRAIN_TIMEOUT", value: "60" }] },
    });
    for (const { spec } of pods(objects).filter(({ labels }) => labels["app.kubernetes.io/component"] !== "test")) {
      const names = spec.containers[0].env.map(({ name }: Manifest) => name);
      expect(names).toEqual([...new Set(names)]);
      expect(envOf(spec.containers[0])["LOG_LEVEL"]).toBe("debug");
    }
    expect(envOf(serving(objects)[0])["DRAIN_TIMEOUT"]).toBe("60");
  });
});
