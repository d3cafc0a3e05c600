import { DeliveryLog } from "./delivery-log.js";

/** A hook of an organization, of a repository, or the App's only one. */
export type HookSpec = `org:${string}:${number}` | `repo:${string}/${string}:${number}` | "app";

export interface HookTarget {
  readonly webhookUrl: string;
  readonly secret: string;
}

export interface Hook {
  readonly spec: HookSpec;
  readonly kind: "organization" | "repository" | "integration";
  readonly id: number;
  /** Its owner, or undefined for the App's hook. */
  readonly owner: string | undefined;
  /** Full name of the repository, for a repository's hook. */
  readonly repository: string | undefined;
  readonly log: DeliveryLog;
  target: HookTarget;
}

/** Parses a hook spec. */
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

/** A case-insensitive key, shared by REST paths and specs. */
export function hookKey(spec: string): string {
  return spec.toLowerCase();
}
