import type { components } from "@octokit/openapi-types";

/**
 * The response bodies of this fake, from GitHub's published OpenAPI description, so that a misspelt field or a wrong type
 * does not compile. Only some fields are picked, because no client reads a repository's forty URL templates.
 */
type Schemas = components["schemas"];

/** An entry of a delivery log. The fake's ids stay far below 2^53. */
export type LogEntry = Omit<Schemas["hook-delivery-item"], "id"> & { readonly id: number };

export type RestDelivery = Schemas["hook-delivery"];

export type RestAccount = Pick<Schemas["simple-user"], "login" | "id" | "node_id" | "url" | "html_url" | "type" | "site_admin">;

/** A repository inside a run: without `default_branch`. */
export type RestMinimalRepository = Pick<
  Schemas["minimal-repository"],
  "id" | "node_id" | "name" | "full_name" | "private" | "html_url" | "description" | "fork" | "url" | "hooks_url"
> & { readonly owner: RestAccount };

export type RestRepository = Pick<
  Schemas["full-repository"],
  | "id"
  | "node_id"
  | "name"
  | "full_name"
  | "private"
  | "html_url"
  | "description"
  | "fork"
  | "url"
  | "hooks_url"
  | "default_branch"
  | "archived"
  | "disabled"
> & { readonly owner: RestAccount };

/** `head_repository` is null for a deleted fork, although the description does not say so. */
export type RestRun = Omit<Schemas["workflow-run"], "repository" | "head_repository" | "actor" | "triggering_actor"> & {
  readonly repository: RestMinimalRepository;
  readonly head_repository: RestMinimalRepository | null;
};

export type RestJob = Schemas["job"];

export type RestInstallation = Pick<
  Schemas["installation"],
  | "id"
  | "repository_selection"
  | "access_tokens_url"
  | "repositories_url"
  | "html_url"
  | "app_id"
  | "app_slug"
  | "target_id"
  | "target_type"
  | "permissions"
  | "events"
  | "created_at"
  | "updated_at"
  | "single_file_name"
  | "suspended_by"
  | "suspended_at"
> & { readonly account: RestAccount };

export type RestInstallationToken = Pick<Schemas["installation-token"], "token" | "expires_at" | "permissions" | "repository_selection">;

export type RestApp = Pick<
  NonNullable<Schemas["integration"]>,
  "id" | "slug" | "node_id" | "name" | "description" | "external_url" | "html_url" | "created_at" | "updated_at" | "permissions" | "events"
>;
