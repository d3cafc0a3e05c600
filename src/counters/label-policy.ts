import { Inject, Injectable } from "@nestjs/common";
import picomatch from "picomatch";
import { CONFIG, type Config } from "../config/index.js";
import { parseLabels, renderLabels } from "./labels.js";

/** Labels that are few by nature: a denied or folded series keeps them. */
export const KEPT = new Set(["status", "conclusion", "priority", "metric", "collector", "hook", "outcome", "principal"]);

type Labelling = Pick<Config, "BRANCH_LABEL" | "LABEL_ALLOW" | "LABEL_DENY" | "REPOSITORY_ALLOW" | "REPOSITORY_DENY">;

/** Which repositories are measured and what their labels say, as configured. */
@Injectable()
export class LabelPolicy {
  readonly #allow: ReadonlySet<string>;
  readonly #deny: ReadonlySet<string>;
  readonly #measured: (fullName: string) => boolean;

  constructor(@Inject(CONFIG) private readonly config: Labelling) {
    this.#allow = new Set(config.LABEL_ALLOW);
    this.#deny = new Set(config.LABEL_DENY);
    const globs = { nocase: true };
    const allowed = config.REPOSITORY_ALLOW.length > 0 ? picomatch([...config.REPOSITORY_ALLOW], globs) : () => true;
    const denied = config.REPOSITORY_DENY.length > 0 ? picomatch([...config.REPOSITORY_DENY], globs) : () => false;
    this.#measured = (fullName) => allowed(fullName) && !denied(fullName);
  }

  measures(owner: string, repo: string): boolean {
    return this.#measured(`${owner}/${repo}`);
  }

  /** The values as they are shown: "" for a label that is denied or not allowed. */
  shown(names: readonly string[], values: readonly string[]): readonly string[] {
    if (this.#allow.size === 0 && this.#deny.size === 0) return values;
    return values.map((value, index) => (this.#isShown(names[index] ?? "") ? value : ""));
  }

  /** The label set that takes what is beyond the budget. */
  folded(names: readonly string[], values: readonly string[]): readonly string[] {
    return values.map((value, index) => (KEPT.has(names[index] ?? "") ? value : "other"));
  }

  /** The same of labels as exposition text. */
  foldedText(labels: string): string {
    const values = parseLabels(labels);
    const names = Object.keys(values);
    return renderLabels(names, this.folded(names, Object.values(values)));
  }

  /** A branch as configured; a branch of another repository is never our default one. */
  branch(name: string, defaultBranch: string, kind: "branch" | "tag" | "foreign"): string {
    if (this.config.BRANCH_LABEL === "off" || name === "") return "";
    if (this.config.BRANCH_LABEL === "name") return name;
    if (kind === "tag") return "tag";
    return kind === "branch" && name === defaultBranch ? "default" : "other";
  }

  #isShown(name: string): boolean {
    if (KEPT.has(name)) return true;
    return !this.#deny.has(name) && (this.#allow.size === 0 || this.#allow.has(name));
  }
}
