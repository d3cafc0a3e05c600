import { describe, expect, it } from "vitest";
import { differences, parseExposition } from "../../src/simulator/compare.js";

const queued = (owner: string) => `github_workflow_jobs_queued_total{owner="${owner}",repo="api",workflow="a } \\"b\\" # 1",runs_on=""}`;

describe("parseExposition", () => {
  it("parses series with any characters in their labels", () => {
    const text = `# HELP x y\n${queued("acme")} 3\nup 1 1790000000000\nx_bucket{le="+Inf"} +Inf # {trace_id="a"} 1\nx{} NaN\n\n# EOF\n`;
    expect([...parseExposition(text)]).toEqual([
      [queued("acme"), 3],
      ["up", 1],
      ['x_bucket{le="+Inf"}', Number.POSITIVE_INFINITY],
      ["x", Number.NaN],
    ]);
  });

  it("rejects text that is not an exposition", () => {
    expect(() => parseExposition("<html>")).toThrow("Not a sample");
  });
});

describe("differences", () => {
  const expected = new Map([
    [queued("acme"), 3],
    ['github_events_total{event="ping",action=""}', 1],
  ]);

  it("is empty for equal series, and ignores metrics that it does not know", () => {
    expect(differences(expected, new Map([...expected, ["up", 1], ["github_workflow_runs_lost_total{}", 4]]))).toEqual([]);
  });

  it("lists missing, different and unexpected series", () => {
    const actual = new Map([
      [queued("acme"), 4],
      ['github_workflow_job_duration_seconds_count{owner="acme"}', 2],
      ['github_workflow_jobs{owner="acme"}', 0],
    ]);
    expect(differences(expected, actual)).toEqual([
      `${queued("acme")} is 4; expected 3.`,
      'github_events_total{event="ping",action=""} is missing; expected 1.',
      'github_workflow_job_duration_seconds_count{owner="acme"} is 2, but was not expected at all.',
    ]);
  });

  it("compares only the named owners", () => {
    const actual = new Map([
      [queued("acme"), 3],
      [queued("other"), 9],
    ]);
    expect(differences(expected, actual, { owners: new Set(["acme"]) })).toEqual([]);
    expect(differences(expected, actual, { owners: new Set(["other"]) })).toHaveLength(1);
  });
});
