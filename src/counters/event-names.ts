/** Events of github.com (docs.github.com, "Webhook events and payloads") and of older Enterprise Servers. A list is needed because the event header is not signed. */
const KNOWN: ReadonlySet<string> = new Set(
  (
    "branch_protection_configuration branch_protection_rule cache_sync check_run check_suite code_scanning_alert commit_comment " +
    "content_reference create custom_property " +
    "custom_property_values delete dependabot_alert deploy_key deployment deployment_protection_rule deployment_review deployment_status " +
    "discussion discussion_comment enterprise fork github_app_authorization gollum installation installation_repositories installation_target " +
    "issue_comment issue_dependencies issues label marketplace_purchase member membership merge_group meta milestone org_block organization " +
    "package page_build personal_access_token_request ping project project_card project_column projects_v2 projects_v2_item " +
    "projects_v2_status_update public pull_request pull_request_review pull_request_review_comment pull_request_review_thread push " +
    "registry_package release repository repository_advisory repository_dispatch repository_import repository_ruleset " +
    "repository_vulnerability_alert secret_scanning_alert secret_scanning_alert_location secret_scanning_scan security_advisory " +
    "security_and_analysis sponsorship star status sub_issues team team_add user watch workflow_dispatch workflow_job workflow_run"
  ).split(" "),
);

/** The label value of an event; `other` for an unknown name. Events made from our lookups have the suffix `.lookup`. */
export const eventLabel = (event: string): string => (KNOWN.has(event.replace(/\.lookup$/, "")) ? event : "other");

/** The label value of an action. A repository_dispatch gives `other`, because its action is free text. */
export function actionLabel(event: string, action: string): string {
  const label = eventLabel(event);
  return label === "other" || label === "repository_dispatch" ? "other" : action;
}
