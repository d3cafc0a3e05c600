import { execFile, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { parseAllDocuments, stringify } from "yaml";

export const CHART = fileURLToPath(new URL("../../helm/octogauge/", import.meta.url));

/** Every values file that the chart is tried with. */
export const CI_VALUES = readdirSync(join(CHART, "ci"));

/** Where `go install` puts programs is often not on the PATH. */
function found(program: string, ...versionArgs: string[]): string | undefined {
  const go = spawnSync("go", ["env", "GOPATH"], { encoding: "utf8" }).stdout?.trim();
  const folders = [process.env["GOBIN"], go && join(go, "bin")].filter((folder) => folder);
  return [program, ...folders.map((folder) => join(folder!, program))].find((path) => spawnSync(path, versionArgs).status === 0);
}

export const HELM = found("helm", "version", "--short");
export const KUBECONFORM = found("kubeconform", "-v");
if (!HELM) console.warn("\n*** SKIPPED: helm is not installed, the chart was not rendered ***\n");
if (!KUBECONFORM)
  console.warn("\n*** SKIPPED: kubeconform is not installed, the chart's objects were not checked against Kubernetes's schemas ***\n");

/** The parts of an object that tests look at; what is missing is a failing test. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Manifest = any;

export type Values = Readonly<Record<string, unknown>>;

/** The least that has to be said. */
export const MINIMAL: Values = {
  image: { repository: "registry.example.com/octogauge" },
  github: { existingSecret: "gh" },
  database: { existingSecret: "db" },
};

/** What Helm and Kubernetes read: `yes` is true, and 0440 octal. */
const YAML_1_1 = { version: "1.1" } as const;

/** What `helm install` says at the end. */
export async function notes(file: string): Promise<string> {
  const said = await helm("install", "rel", CHART, "--namespace", "ns", "--dry-run=client", "--values", file);
  return said.slice(said.indexOf("NOTES:"));
}

/** Runs helm on the chart; rejects with what helm says. */
export async function helm(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(HELM!, args, { maxBuffer: 2 ** 24 });
  return stdout;
}

/** A values file with the least that has to be said, and `values` over it. */
export function valuesFile(values: Values): string {
  const folder = mkdtempSync(join(tmpdir(), "octogauge-values-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const merged = Object.fromEntries(
    Object.keys({ ...MINIMAL, ...values }).map((key) => {
      const [base, over] = [MINIMAL[key], values[key]];
      return [key, base && over && typeof over === "object" ? { ...base, ...over } : (over ?? base)];
    }),
  );
  writeFileSync(join(folder, "values.yaml"), stringify(merged, YAML_1_1));
  return join(folder, "values.yaml");
}

/** The same, with YAML over it as an operator types it: what is quoted and what is not is up to the test. */
export function typedValuesFile(yaml: string): string {
  const file = valuesFile({});
  appendFileSync(file, `${yaml}\n`);
  return file;
}

/** What the chart makes of values, as text. */
export const renderText = (file: string, ...more: string[]): Promise<string> =>
  helm("template", "rel", CHART, "--namespace", "ns", "--kube-version", "1.37.0", "--values", file, ...more);

/** What the chart makes of values. */
export async function render(values: Values = {}): Promise<Manifest[]> {
  return objectsIn(await renderText(valuesFile(values)));
}

export const renderFile = async (name: string): Promise<Manifest[]> => objectsIn(await renderText(join(CHART, "ci", name)));

/** @throws where the YAML is not right, such as a key that is there twice */
export function objectsIn(text: string): Manifest[] {
  return parseAllDocuments(text, YAML_1_1)
    .map((document) => {
      if (document.errors[0]) throw document.errors[0];
      return document.toJS() as Manifest;
    })
    .filter((object) => object !== null);
}

export const of = (objects: readonly Manifest[], kind: string): Manifest[] => objects.filter((object) => object.kind === kind);

/** The one object of a kind whose name ends so. */
export function one(objects: readonly Manifest[], kind: string, nameEnd = ""): Manifest {
  const all = of(objects, kind).filter(({ metadata }) => metadata.name.endsWith(nameEnd));
  if (all.length !== 1) throw new Error(`${all.length} objects of kind ${kind} named *${nameEnd}`);
  return all[0];
}

/** The pod specs of everything that makes pods, with what made them. */
export function pods(objects: readonly Manifest[]): { readonly owner: string; readonly labels: Manifest; readonly spec: Manifest }[] {
  return objects.flatMap((object) => {
    const pod = object.kind === "Pod" ? object : object.spec?.template;
    return pod?.spec?.containers ? [{ owner: `${object.kind}/${object.metadata.name}`, labels: pod.metadata.labels, spec: pod.spec }] : [];
  });
}

/** A container's environment by name; undefined where it comes from elsewhere. */
export const envOf = (container: Manifest): Record<string, string | undefined> =>
  Object.fromEntries(container.env.map(({ name, value }: Manifest) => [name, value]));

/** What `helm` says against values, or a file of them. */
export async function refusal(values: Values | string, ...more: string[]): Promise<string> {
  try {
    await renderText(typeof values === "string" ? values : valuesFile(values), ...more);
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error);
  }
  throw new Error("these values were not refused");
}

/** It also fails where it only finds something; what it found is what it prints. */
export const kubeconform = (manifests: string, ...args: string[]): string =>
  spawnSync(KUBECONFORM!, args, { input: manifests, encoding: "utf8", maxBuffer: 2 ** 24 }).stdout;
