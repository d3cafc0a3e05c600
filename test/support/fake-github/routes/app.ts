import type { Accounts, Installation } from "../accounts.js";
import type { Credentials } from "../credentials.js";
import { pageOf } from "../pages.js";
import type { Repositories } from "../repositories.js";
import { restAccount } from "../rest-repository.js";
import { type Answer, type Call, notFound, ok, okOrNotFound, type Route } from "../route.js";
import type { RestApp, RestInstallation, RestInstallationToken } from "../schemas.js";

const SLUG = "octogauge-of-the-tests";
const BEGINNING = "2026-01-01T00:00:00Z";
const permissions = { actions: "read", metadata: "read", organization_hooks: "write", repository_hooks: "write" } as const;

function restInstallation({ id, account, accountId }: Installation, appId: number, base: string): RestInstallation {
  return {
    id,
    account: restAccount(account, accountId, "Organization", base),
    repository_selection: "all",
    access_tokens_url: `${base}/app/installations/${id}/access_tokens`,
    repositories_url: `${base}/installation/repositories`,
    html_url: `https://github.com/organizations/${account}/settings/installations/${id}`,
    app_id: appId,
    app_slug: SLUG,
    target_id: accountId,
    target_type: "Organization",
    permissions,
    events: ["workflow_run", "workflow_job"],
    created_at: BEGINNING,
    updated_at: BEGINNING,
    single_file_name: null,
    suspended_by: null,
    suspended_at: null,
  };
}

/** The App and its installations, only for the App's JWT. */
export function appRoutes(credentials: Credentials, accounts: Accounts, repositories: Repositories): Route[] {
  const { appId } = credentials.app;
  const route = (method: "GET" | "POST", pattern: string, handle: (call: Call) => Answer): Route => ({
    method,
    pattern,
    as: "app",
    handle,
  });
  const shown = (call: Call, installation: Installation | undefined) =>
    okOrNotFound(installation && restInstallation(installation, appId, call.base));
  const byId = (call: Call) => accounts.installations.find(({ id }) => id === call.number("installation"));

  return [
    route("GET", "/app", () =>
      ok({
        id: appId,
        slug: SLUG,
        node_id: "A_1",
        name: "Octogauge of the tests",
        description: null,
        external_url: "https://example.org",
        html_url: `https://github.com/apps/${SLUG}`,
        created_at: BEGINNING,
        updated_at: BEGINNING,
        permissions,
        events: ["workflow_run", "workflow_job"],
      } satisfies RestApp),
    ),
    route("GET", "/app/installations", (call) => {
      const { items, headers } = pageOf(call, accounts.installations);
      return ok(
        items.map((installation) => restInstallation(installation, appId, call.base)),
        headers,
      );
    }),
    route("GET", "/app/installations/{installation}", (call) => shown(call, byId(call))),
    route("POST", "/app/installations/{installation}/access_tokens", (call) => {
      const installation = byId(call);
      if (!installation) return notFound();
      const { token, expiresAt } = credentials.issue(installation.id, installation.account);
      const body = { token, expires_at: expiresAt.toISOString(), permissions, repository_selection: "all" } satisfies RestInstallationToken;
      return { status: 201, body };
    }),
    route("GET", "/orgs/{org}/installation", (call) => shown(call, accounts.of(call.param("org")))),
    route("GET", "/repos/{owner}/{repo}/installation", (call) => {
      const repository = repositories.find(`${call.param("owner")}/${call.param("repo")}`);
      return shown(call, repository && accounts.of(repository.owner));
    }),
  ];
}
