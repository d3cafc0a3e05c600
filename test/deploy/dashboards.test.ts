import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { metricsReference } from "../support/metrics-reference.js";
import { readPromql } from "../support/promql.js";

const directory = fileURLToPath(new URL("../../deploy/grafana/", import.meta.url));
const files = readdirSync(directory).filter((name) => name.endsWith(".json"));

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[] };
}

const reference = metricsReference();
/** Replaces Grafana's own variables, as Grafana does before it sends the query. */
const sent = (expression: string) => expression.replace(/\$__\w+/g, "5m");

/** The metrics and labels of an expression that are not in the reference. */
function unknownIn(expression: string): string[] {
  const { metrics, uses } = readPromql(sent(expression));
  return [
    ...metrics.filter((name) => !reference.has(name)),
    ...uses
      .filter((use) => !use.metrics.some((name) => reference.get(name)?.includes(use.label)))
      .map(({ label, metrics: of }) => `${label} of ${of.join()}`),
  ];
}

it("there is one dashboard for CI users and one for operators of Octogauge", () => {
  expect(files).toEqual(["octogauge-ci.json", "octogauge-fleet.json"]);
});

describe.each(files)("%s", (file) => {
  const dashboard = JSON.parse(readFileSync(directory + file, "utf8")) as Dashboard;
  const panels = dashboard.panels.filter(({ type }) => type !== "row");

  it("uses only metrics and labels that exist", () => {
    expect(panels.length).toBeGreaterThan(10);
    for (const { title, targets = [] } of panels) {
      expect([title, targets.length > 0]).toEqual([title, true]);
      for (const { expr, legendFormat } of targets) {
        expect([title, unknownIn(expr)]).toEqual([title, []]);
        const { metrics } = readPromql(sent(expr));
        const known = new Set(metrics.flatMap((name) => reference.get(name) ?? []));
        expect([title, [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].filter(([, label]) => !known.has(label!))]).toEqual([title, []]);
      }
    }
  });

  it("has variables only for labels that exist", () => {
    for (const { name, type, definition } of dashboard.templating.list) {
      if (type === "datasource") continue;
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition ?? "") ?? [];
      expect([name, selector !== undefined && unknownIn(selector)]).toEqual([name, []]);
      expect(reference.get(readPromql(selector!).metrics[0]!)).toContain(label);
    }
  });

  it("has panels with descriptions that do not overlap", () => {
    expect(panels.filter(({ description }) => !description).map(({ title }) => title)).toEqual([]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, x < 24, taken.has(`${x} ${y}`)]).toEqual([title, true, false]);
          taken.add(`${x} ${y}`);
        }
  });
});

it("quantiles of rare events use a window of an hour, because shorter windows are mostly empty", () => {
  const { panels } = JSON.parse(readFileSync(`${directory}octogauge-ci.json`, "utf8")) as Dashboard;
  const quantiles = panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .filter((expr) => expr.includes("histogram_quantile"));
  expect(quantiles.length).toBeGreaterThan(2);
  expect(quantiles.filter((expr) => !expr.includes("[1h]"))).toEqual([]);
});

it("metrics and labels that are not in the reference are found", () => {
  expect(unknownIn("sum by (runs_on) (rate(github_workflow_jobs_queued_total[$__rate_interval]))")).toEqual([]);
  expect(unknownIn("sum(github_workflow_job)")).toEqual(["github_workflow_job"]);
  expect(unknownIn('github_workflow_runs{runs_on="x"}')).toEqual(["runs_on of github_workflow_runs"]);
  expect(unknownIn("sum by (branch) (github_workflow_jobs)")).toEqual(["branch of github_workflow_jobs"]);
  expect(unknownIn("github_workflow_jobs unless on (hook) github_workflow_jobs")).toEqual([
    "hook of github_workflow_jobs,github_workflow_jobs",
  ]);
  expect(() => unknownIn("sum(rate(github_events_total[5m])")).toThrow("no PromQL");
});
