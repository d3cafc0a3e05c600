import { DeliveryLog } from "./delivery-log.js";

/** Which hook: that of an organization, of a repository, or the app's only one. */
export type HookSpec = `org:${string}:${number}` | `repo:${string}/${string}:${number}` | "app";

export interface HookTarget {
  readonly webhookUrl: string;
  readonly secret: string;
}

export interface Hook {
  readonly spec: HookSpec;
  readonly kind: "organization" | "repository" | "integration";
  readonly id: number;
  /** Who owns it; none for the app's. */
  readonly owner: string | undefined;
  /** Full name of the repository, for a repository's. */
  readonly repository: string | undefined;
  readonly log: DeliveryLog;
  target: HookTarget;
}

/** The hook a spec names. */
export function makeHook(spec: HookSpec, appId: number, target: HookTarget): Hook {
  const log = new DeliveryLog();
  if (spec === "app") return { spec, kind: "integration", id: appId, owner: undefined, repository: undefined, log, target };
  const match = /^(?:org:([^:/]+)|repo:(([^:/]+)\/[^:/]+)):(\d+)$/.exec(spec);
  if (!match) throw new Error(`no hook: ${spec}`);
  const [, organization, repository, owner] = match;
  const id = Number(match[4]);
  if (organization !== undefined) return { spec, kind: "organization", id, owner: organization, repository: undefined, log, target };
  return { spec, kind: "repository", id, owner, repository, log, target };
}

/** What REST paths and specs have in common, whatever their case. */
export function hookKey(spec: string): string {
  return spec.toLowerCase();
}
