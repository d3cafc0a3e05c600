import type { components } from "@octokit/openapi-types";

/**
 * The bodies of this fake, cut out of GitHub's published OpenAPI description: a field that is misspelt, or of another type
 * than GitHub's, does not compile. Picked, because nobody reads the forty URL templates of a repository.
 */
type Schemas = components["schemas"];

/** An entry of a delivery log. Its ids stay far below 2^53 here. */
export type LogEntry = Omit<Schemas["hook-delivery-item"], "id"> & { readonly id: number };

export type RestDelivery = Schemas["hook-delivery"];

export type RestAccount = Pick<Schemas["simple-user"], "login" | "id" | "node_id" | "url" | "html_url" | "type" | "site_admin">;

/** What stands inside a run: there is no `default_branch` in it. */
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

/** `head_repository` is null when the fork is gone, though the description does not say so. */
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
