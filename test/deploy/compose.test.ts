import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { variables } from "../../src/config/variables.js";

const file = fileURLToPath(new URL("../../deploy/compose.yaml", import.meta.url));
const directory = dirname(file);

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly deploy?: { readonly replicas: number };
  readonly read_only?: boolean;
  readonly stop_grace_period?: string;
}

const { services, volumes } = parse(readFileSync(file, "utf8")) as {
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, unknown>>;
};

const hasCompose = spawnSync("docker", ["compose", "version"]).status === 0;
/** The command of docker compose's own parser library (github.com/compose-spec/compose-go), if it was built. */
const library = process.env["COMPOSE_GO"];
if (!hasCompose && !library)
  console.warn("\n*** SKIPPED: docker compose is not installed, deploy/compose.yaml was read, not validated by it ***\n");

const compose = (environment: Record<string, string>) =>
  spawnSync("docker", ["compose", "--env-file", "/dev/null", "-f", file, "config", "--quiet"], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
    encoding: "utf8",
  });

describe("deploy/compose.yaml", () => {
  it("starts Octogauge twice, with known variables", () => {
    const octogauge = services["octogauge"]!;
    expect(octogauge.deploy?.replicas).toBe(2);
    expect(octogauge.read_only).toBe(true);
    expect(Object.keys(octogauge.environment!).filter((name) => !Object.hasOwn(variables, name))).toEqual([]);
    expect(existsSync(join(directory, octogauge.build!.context, octogauge.build!.dockerfile))).toBe(true);
    expect(Number.parseInt(octogauge.stop_grace_period!, 10)).toBeGreaterThan(variables.DRAIN_TIMEOUT.parse(undefined));
  });

  it("mounts existing files", () => {
    const mounted = Object.values(services).flatMap((service) => service.volumes ?? []);
    for (const mount of mounted) {
      const source = mount.split(":")[0]!;
      expect([mount, source.startsWith(".") ? existsSync(join(directory, source)) : Object.hasOwn(volumes, source)]).toEqual([mount, true]);
    }
  });

  it("publishes the webhook, everything else only on the loopback address, and the management port nowhere", () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => `${name} ${port}`));
    expect(published).toEqual(["proxy ${WEBHOOK_PORT:-8080}:8080", "prometheus 127.0.0.1:9090:9090", "grafana 127.0.0.1:3000:3000"]);
  });

  it("requires a secret that is written once, into a file that is not committed", () => {
    const text = readFileSync(file, "utf8");
    const [, command] = /^# +(test -e deploy\/\.env \|\| .*)$/m.exec(text) ?? [];
    const folder = mkdtempSync(join(tmpdir(), "octogauge-env-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "deploy"));
    const written = () => {
      expect(spawnSync("sh", ["-c", command!], { cwd: folder }).status).toBe(0);
      return readFileSync(join(folder, "deploy/.env"), "utf8");
    };
    const first = written();
    expect(first).toMatch(/^GITHUB_WEBHOOK_SECRET=[0-9a-f]{64}\n$/);
    expect(written()).toBe(first);
    expect(statSync(join(folder, "deploy/.env")).mode & 0o777).toBe(0o600);
    // Runs the same command, and the one that reads the secret from the file.
    const guide = readFileSync(join(directory, "../docs/getting-started.md"), "utf8");
    expect(guide).toContain(command);
    const [, read] = /^- Docker: `GITHUB_WEBHOOK_SECRET=\$\((sed .*)\)`$/m.exec(guide) ?? [];
    expect(spawnSync("sh", ["-c", read!], { cwd: folder, encoding: "utf8" }).stdout).toBe(first.split("=")[1]);
    expect(services["octogauge"]!.environment!["GITHUB_WEBHOOK_SECRET"]).toContain("deploy/.env");
    expect(readFileSync(join(directory, "../.gitignore"), "utf8").split("\n")).toContain("deploy/.env");
  });

  it("the proxy tries the other replica within GitHub's timeout, and not later", () => {
    const conf = readFileSync(join(directory, "compose/nginx.conf"), "utf8");
    const [, seconds] = /proxy_next_upstream_timeout (\d+)s;/.exec(conf) ?? [];
    expect(Number(seconds)).toBeGreaterThan(Number(/proxy_connect_timeout (\d+)s;/.exec(conf)![1]));
    expect(Number(seconds)).toBeLessThan(10);
  });

  it.skipIf(!library)("is valid for docker compose's library, which rejects unknown keys", () => {
    const read = (path: string) => spawnSync(library!, ["-no-interpolation", path], { encoding: "utf8" });
    expect(read(file)).toMatchObject({ status: 0 });
    const misspelt = join(mkdtempSync(join(tmpdir(), "octogauge-compose-")), "compose.yaml");
    onTestFinished(() => rmSync(dirname(misspelt), { recursive: true }));
    writeFileSync(misspelt, readFileSync(file, "utf8").replace("replicas:", "replicaz:"));
    expect(read(misspelt).stderr).toContain("replicaz");
  });

  it.skipIf(!hasCompose)("is valid for docker compose, and requires the secret", () => {
    expect(compose({ GITHUB_WEBHOOK_SECRET: "x" })).toMatchObject({ status: 0 });
    const without = compose({});
    expect(without.status).not.toBe(0);
    expect(without.stderr).toContain("GITHUB_WEBHOOK_SECRET");
  });
});
