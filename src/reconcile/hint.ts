import type { GitHubError } from "../github/failure.js";

/** What an operator can do about it, to be put behind the message. */
export function hintFor({ outcome }: GitHubError): string {
  if (outcome === "gone") return "; is the hook's id right, and may the credentials read its deliveries?";
  if (outcome === "refused") return "; the credentials lack a permission, see docs/repair.md";
  return outcome === "unauthorized" ? "; were the credentials revoked?" : "";
}
