/** A webhook whose delivery log GitHub keeps. */
export interface Hook {
  /** As it is configured and labelled: `app`, `org:<org>:<id>` or `repo:<owner>/<name>:<id>`. */
  readonly name: string;
  /** Where its log is, below the API's root. */
  readonly path: string;
  /** Whose installation of the App may read it: an organisation, a repository, or the App itself. */
  readonly scope:
    | { readonly kind: "app" }
    | { readonly kind: "org"; readonly org: string }
    | { readonly kind: "repo"; readonly owner: string; readonly repo: string };
}

export const HOOK_FORMS = "app, org:<org>:<hook id> or repo:<owner>/<name>:<hook id>, several parted by commas, each once";

// Dots alone are no name; in a path they would lead elsewhere.
const ORG = /^org:(?!\.+:)([\w.-]+):(\d{1,15})$/;
const REPO = /^repo:(?!\.+\/)([\w.-]+)\/(?!\.+:)([\w.-]+):(\d{1,15})$/;

/** @returns undefined where one is not of these forms, or is there twice */
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
