import { execFile, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { parseAllDocuments, stringify } from "yaml";

export const CHART = fileURLToPath(new URL("../../helm/octogauge/", import.meta.url));

/** Every values file of the chart's CI. */
export const CI_VALUES = readdirSync(join(CHART, "ci"));

/** `go install` often uses a directory that is not on the PATH. */
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

/** The object parts that tests read. A missing part fails its test. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Manifest = any;

export type Values = Readonly<Record<string, unknown>>;

/** The minimum of required values. */
export const MINIMAL: Values = {
  image: { repository: "registry.example.com/octogauge" },
  github: { existingSecret: "gh" },
  database: { existingSecret: "db" },
};

/** YAML as Helm and Kubernetes parse it: `yes` is true, and 0440 is octal. */
const YAML_1_1 = { version: "1.1" } as const;

/** The notes that `helm install` prints. */
export async function notes(file: string): Promise<string> {
  const output = await helm("install", "rel", CHART, "--namespace", "ns", "--dry-run=client", "--values", file);
  return output.slice(output.indexOf("NOTES:"));
}

/** Runs helm on the chart. @throws helm's error output */
export async function helm(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(HELM!, args, { maxBuffer: 2 ** 24 });
  return stdout;
}

/** A values file with the required values, overridden by `values`. */
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

/** The same, overridden by YAML text. The test decides about quotes. */
export function typedValuesFile(yaml: string): string {
  const file = valuesFile({});
  appendFileSync(file, `${yaml}\n`);
  return file;
}

/** The chart rendered as text. */
export const renderText = (file: string, ...more: string[]): Promise<string> =>
  helm("template", "rel", CHART, "--namespace", "ns", "--kube-version", "1.37.0", "--values", file, ...more);

/** The chart rendered as objects. */
export async function render(values: Values = {}): Promise<Manifest[]> {
  return objectsIn(await renderText(valuesFile(values)));
}

export const renderFile = async (name: string): Promise<Manifest[]> => objectsIn(await renderText(join(CHART, "ci", name)));

/** @throws if the YAML is invalid, for example because of a duplicate key */
export function objectsIn(text: string): Manifest[] {
  return parseAllDocuments(text, YAML_1_1)
    .map((document) => {
      if (document.errors[0]) throw document.errors[0];
      return document.toJS() as Manifest;
    })
    .filter((object) => object !== null);
}

export const of = (objects: readonly Manifest[], kind: string): Manifest[] => objects.filter((object) => object.kind === kind);

/** The only object of this kind whose name ends with this suffix. */
export function one(objects: readonly Manifest[], kind: string, nameEnd = ""): Manifest {
  const all = of(objects, kind).filter(({ metadata }) => metadata.name.endsWith(nameEnd));
  if (all.length !== 1) throw new Error(`${all.length} objects of kind ${kind} named *${nameEnd}`);
  return all[0];
}

/** The pod specs of all objects that create pods, with these objects. */
export function pods(objects: readonly Manifest[]): { readonly owner: string; readonly labels: Manifest; readonly spec: Manifest }[] {
  return objects.flatMap((object) => {
    const pod = object.kind === "Pod" ? object : object.spec?.template;
    return pod?.spec?.containers ? [{ owner: `${object.kind}/${object.metadata.name}`, labels: pod.metadata.labels, spec: pod.spec }] : [];
  });
}

/** The environment of a container by name. A value from another source is undefined. */
export const envOf = (container: Manifest): Record<string, string | undefined> =>
  Object.fromEntries(container.env.map(({ name, value }: Manifest) => [name, value]));

/** The error of `helm` for these values, given as an object or a file. */
export async function refusal(values: Values | string, ...more: string[]): Promise<string> {
  try {
    await renderText(typeof values === "string" ? values : valuesFile(values), ...more);
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error);
  }
  throw new Error("these values were not refused");
}

/** Findings make the command fail; its output lists them. */
export const kubeconform = (manifests: string, ...args: string[]): string =>
  spawnSync(KUBECONFORM!, args, { input: manifests, encoding: "utf8", maxBuffer: 2 ** 24 }).stdout;
