import type { GitHubError } from "../github/index.js";

/** What an operator can do about it, to be put behind the message. */
export function hintFor({ outcome }: GitHubError): string {
  if (outcome === "gone") return "; is the hook's id right (and GITHUB_API_URL), and may the credentials read its deliveries?";
  if (outcome === "refused") return "; the credentials lack a permission, see docs/repair.md";
  if (outcome === "not_installed") return "; install it there, or leave the hook out";
  return outcome === "unauthorized" ? "; are the credentials wrong, expired or revoked?" : "";
}
