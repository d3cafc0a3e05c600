/** A webhook at GitHub, with its delivery log. */
export interface Hook {
  /** Name in the configuration and in metric labels: `app`, `org:<org>:<id>` or `repo:<owner>/<name>:<id>`. */
  readonly name: string;
  /** Path of the hook below the API's root. */
  readonly path: string;
  /** Which credentials may read the log: the App's own, or its installation on an organisation or a repository. */
  readonly scope:
    | { readonly kind: "app" }
    | { readonly kind: "org"; readonly org: string }
    | { readonly kind: "repo"; readonly owner: string; readonly repo: string };
}

export const HOOK_FORMS = "app, org:<org>:<hook id> or repo:<owner>/<name>:<hook id>, several separated by commas, each once";

// A name of dots only would change the path.
const ORG = /^org:(?!\.+:)([\w.-]+):(\d{1,15})$/;
const REPO = /^repo:(?!\.+\/)([\w.-]+)\/(?!\.+:)([\w.-]+):(\d{1,15})$/;

/** @returns undefined where an entry has another form or occurs twice */
export function readHooks(value: string): readonly Hook[] | undefined {
  const names = value
    .split(/[,\n]/)
    .map((name) => name.trim())
    .filter(Boolean);
  const hooks = names.map(readHook);
  return new Set(names).size === names.length && hooks.every((hook) => hook !== undefined) ? hooks : undefined;
}

function readHook(name: string): Hook | undefined {
  if (name === "app") return { name, path: "/app/hook", scope: { kind: "app" } };
  const [, org, orgHook] = ORG.exec(name) ?? [];
  if (org && orgHook) return { name, path: `/orgs/${org}/hooks/${orgHook}`, scope: { kind: "org", org } };
  const [, owner, repo, hook] = REPO.exec(name) ?? [];
  if (owner && repo && hook) return { name, path: `/repos/${owner}/${repo}/hooks/${hook}`, scope: { kind: "repo", owner, repo } };
  return undefined;
}
