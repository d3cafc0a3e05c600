import { execFile, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { metricsReference } from "../support/metrics-reference.js";
import { readPromql } from "../support/promql.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const directory = `${root}deploy/prometheus/`;
const promtool = (...args: string[]) => promisify(execFile)("promtool", args, { cwd: directory });
const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

if (!hasPromtool) console.warn("\n*** SKIPPED: promtool is not installed (Debian package prometheus), the rules were not tried ***\n");

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const { groups } = parse(readFileSync(`${directory}octogauge.rules.yml`, "utf8")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);

describe("the alert rules", () => {
  it("use only metrics and labels that exist", () => {
    const reference = new Map(metricsReference());
    for (const { record, expr } of rules) {
      const { metrics, uses } = readPromql(expr);
      expect([expr, metrics.filter((name) => !reference.has(name))]).toEqual([expr, []]);
      const unknown = uses.filter(({ label, metrics: of }) => !of.some((name) => reference.get(name)?.includes(label)));
      expect([expr, unknown]).toEqual([expr, []]);
      // A recorded series has the labels that its expression groups by.
      if (record) reference.set(record, [...new Set(uses.map(({ label }) => label))]);
    }
  });

  it("have one runbook page per alert, each alert links to its page, and no page is unused", () => {
    for (const { alert, annotations, labels } of alerts) {
      expect(annotations?.["runbook"]).toBe(`docs/runbooks/${alert}.md`);
      expect([alert, existsSync(root + annotations!["runbook"])]).toEqual([alert, true]);
      expect(["warning", "critical"]).toContain(labels?.["severity"]);
    }
    expect(readdirSync(`${root}docs/runbooks`).sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
  });

  it("each have a test", () => {
    const { tests } = parse(readFileSync(`${directory}octogauge.rules.test.yml`, "utf8")) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const fired = tests.flatMap((test) => test.alert_rule_test.filter(({ exp_alerts }) => exp_alerts.length > 0));
    expect([...new Set(fired.map(({ alertname }) => alertname))].sort()).toEqual(alerts.map(({ alert }) => alert!).sort());
  });

  it.skipIf(!hasPromtool)("are valid, and fire when they should", async () => {
    expect((await promtool("check", "rules", "octogauge.rules.yml")).stdout).toContain("SUCCESS");
    expect((await promtool("test", "rules", "octogauge.rules.test.yml")).stdout).toContain("SUCCESS");
  });
});
