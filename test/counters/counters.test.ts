import { describe, expect, it } from "vitest";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN, runPayload } from "../support/payloads.js";

const inRepository = (name: string) => ({ repository: { full_name: name, default_branch: "main" } });

describe("the cardinality budget", () => {
  it("folds label sets beyond the budget into `other`, reports it, and keeps counting the old series", async () => {
    const fleet = await stillFleet({ MAX_SERIES_PER_METRIC: "2" });
    const complete = (id: number, repo: string) =>
      fleet.deliver("workflow_job", jobPayload("completed", { ...RAN, id }, inRepository(`acme/${repo}`)));
    for (const [id, repo] of ["one", "two", "three", "four", "one", "three"].entries()) {
      await complete(id + 1, repo);
      // One event per batch, because the process caches which series exist and which metrics are full.
      await fleet.rollUp();
    }
    const series = (repo: string, n: number) =>
      `github_workflow_jobs_completed_total{owner="acme",repo="${repo}",workflow="ci",runs_on="ubuntu-latest",conclusion="success"} ${n}`;
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toEqual([
      series("one", 2),
      series("two", 1),
      'github_workflow_jobs_completed_total{owner="other",repo="other",workflow="other",runs_on="other",conclusion="success"} 3',
    ]);
    expect(await fleet.samples("octogauge_series_folded_total")).toContain(
      'octogauge_series_folded_total{metric="github_workflow_jobs_completed_total"} 3',
    );
    const counts = await fleet.samples("github_workflow_job_duration_seconds_count");
    expect(counts.map((line) => Number(line.split(" ").at(-1)))).toEqual([2, 1, 3]);
  });

  it("holds with many concurrent processes, also for gauges", async () => {
    const fleets = [await stillFleet({ MAX_SERIES_PER_METRIC: "5", BATCH_SIZE: "3" })];
    const [fleet] = fleets as [Awaited<ReturnType<typeof stillFleet>>];
    for (let process = 1; process < 4; process += 1)
      fleets.push(await stillFleet({ MAX_SERIES_PER_METRIC: "5", BATCH_SIZE: "3" }, fleet.url));
    await Promise.all(
      Array.from({ length: 60 }, (_, id) =>
        fleet.accept("workflow_job", jobPayload("queued", { id: id + 1, run_id: id + 1 }, inRepository(`acme/r${id}`))),
      ),
    );
    await Promise.all(
      fleets.map(async (one) => {
        while ((await one.processBatch()) > 0) await one.rollUp();
      }),
    );
    expect(await rowsOf(fleet.url, "SELECT used FROM octogauge.series_budget WHERE metric = 'github_workflow_jobs_queued_total'")).toEqual([
      { used: 5 },
    ]);
    const queued = await fleet.samples("github_workflow_jobs_queued_total");
    expect(queued).toHaveLength(6);
    expect(queued.map((line) => Number(line.split(" ").at(-1))).reduce((a, b) => a + b)).toBe(60);
    const open = await fleet.samples("github_workflow_jobs{");
    expect(open).toHaveLength(6);
    expect(open.map((line) => Number(line.split(" ").at(-1))).reduce((a, b) => a + b)).toBe(60);
  });
});

describe("histograms", () => {
  it("carry counts over to changed bounds, lose none, and never go backwards", async () => {
    const old = await stillFleet({ HISTOGRAM_BUCKETS: "10 50 100" });
    const ran = (fleet: typeof old, id: number, seconds: number) =>
      fleet.deliver(
        "workflow_job",
        jobPayload("completed", { ...RAN, id, completed_at: new Date(Date.parse(RAN.started_at) + seconds * 1_000).toISOString() }),
      );
    await ran(old, 1, 5);
    await ran(old, 2, 30);
    await ran(old, 3, 500);
    const young = await stillFleet({ HISTOGRAM_BUCKETS: "20 50 1000" }, old.url);
    await ran(young, 4, 15);
    const buckets = (await young.samples("github_workflow_job_duration_seconds_bucket")).map((line) =>
      /le="(.*?)"\} (\d+)$/.exec(line)!.slice(1),
    );
    // 500 s was above every old bound, so the new buckets know only that it is above 100 s.
    expect(buckets).toEqual([
      ["20", "2"],
      ["50", "3"],
      ["1000", "3"],
      ["+Inf", "4"],
    ]);
    expect((await young.samples("github_workflow_job_duration_seconds_sum"))[0]).toMatch(/ 550$/);
  });

  it("take different bounds per metric", async () => {
    const fleet = await stillFleet({ HISTOGRAM_BUCKETS: "1 2; github_workflow_job_queue_seconds=7" });
    await fleet.deliver("workflow_job", jobPayload("completed", RAN));
    expect(await fleet.samples("github_workflow_job_queue_seconds_bucket")).toHaveLength(2);
    expect(await fleet.samples("github_workflow_job_duration_seconds_bucket")).toHaveLength(3);
  });
});

describe("the label policy", () => {
  it("clears denied labels and adds up their series", async () => {
    const fleet = await stillFleet({ LABEL_DENY: "workflow,runs_on" });
    await fleet.deliver("workflow_job", jobPayload("completed", RAN));
    await fleet.deliver("workflow_job", jobPayload("completed", { ...RAN, id: 2, workflow_name: "other one" }));
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toEqual([
      'github_workflow_jobs_completed_total{owner="acme",repo="api",workflow="",runs_on="",conclusion="success"} 2',
    ]);
  });

  it("with an allow list clears every other label except status and conclusion", async () => {
    const fleet = await stillFleet({ LABEL_ALLOW: "owner" });
    await fleet.deliver("workflow_job", jobPayload("in_progress"));
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([
      'github_workflow_jobs{owner="acme",repo="",workflow="",runs_on="",status="in_progress"} 1',
    ]);
  });

  it("measures only the repositories that match the globs, and counts other repositories as events only", async () => {
    const fleet = await stillFleet({ REPOSITORY_ALLOW: "acme/*", REPOSITORY_DENY: "*/secret-*" });
    for (const [index, name] of ["acme/api", "acme/secret-x", "rival/api", "ACME/web"].entries()) {
      await fleet.deliver("workflow_job", jobPayload("queued", { id: index + 1, run_id: index + 1 }, inRepository(name)));
    }
    const repositories = (await fleet.samples("github_workflow_jobs_queued_total")).map((line) => /repo="(.*?)"/.exec(line)?.[1]);
    expect(repositories.sort()).toEqual(["api", "web"]);
    expect(await fleet.samples("github_events_total")).toEqual(['github_events_total{event="workflow_job",action="queued"} 4']);
  });

  it.each([
    ["name", "feature/x"],
    ["off", ""],
    ["class", "other"],
  ])("with BRANCH_LABEL=%s shows branches as %j", async (mode, shown) => {
    const fleet = await stillFleet({ BRANCH_LABEL: mode });
    await fleet.deliver("workflow_run", runPayload("requested", { head_branch: "feature/x" }));
    expect((await fleet.samples("github_workflow_runs_requested_total"))[0]).toContain(`branch="${shown}"`);
  });
});

it("label values from a payload cannot break out of the exposition", async () => {
  const fleet = await stillFleet();
  const evil = 'x"} 1\nfake_metric{a="b\\';
  await fleet.deliver(
    "workflow_job",
    jobPayload("completed", { ...RAN, workflow_name: evil, labels: [evil, "a\u0000b", "\ud800"], conclusion: evil }),
  );
  await fleet.deliver("workflow_job", jobPayload("queued", { id: 2, run_id: 3, workflow_name: evil.repeat(40), labels: [evil] }));
  const long = Array.from({ length: 60 }, (_, index) => `${String(index).padStart(3, "0")}-${"\u4e16".repeat(60)}`);
  const fields = { ...RAN, id: 4, workflow_name: "\u4e16".repeat(300), labels: long, conclusion: '\\"'.repeat(100) };
  const far = { full_name: `${"\u4e16".repeat(200)}/${"\u4e16".repeat(200)}`, default_branch: "main" };
  await fleet.deliver("workflow_job", jobPayload("completed", fields, { repository: far }));
  const text = await fleet.exposition();
  expect(text).toMatch(/runs_on="000-\u4e16{60},001-\u4e16{60},002-\u4e16{60}"/);
  expect(text).not.toMatch(/^fake_metric/m);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.dead_letters")).toEqual([]);
  const sample = /^[a-z_]+\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\} [-+.\de]+$/;
  expect(text.split("\n").filter((line) => line && !line.startsWith("#") && !sample.test(line))).toEqual([]);
});

describe("fair shares of the cardinality budget", () => {
  const fill = async (fleet: Awaited<ReturnType<typeof stillFleet>>, name: string, from: number, workflows: number) => {
    for (let n = 0; n < workflows; n += 1)
      await fleet.deliver(
        "workflow_job",
        jobPayload("queued", { id: from + n, run_id: from + n, workflow_name: `w${n}` }, inRepository(name)),
      );
    await fleet.rollUp();
  };

  it("repository: one repository takes at most half of the remaining budget, so the next ones have room", async () => {
    const fleet = await stillFleet({ MAX_SERIES_PER_METRIC: "16" });
    await fill(fleet, "mallory/greedy", 1_000, 40);
    await fill(fleet, "mallory/greedy", 2_000, 40);
    await fill(fleet, "acme/api", 3_000, 3);
    await fill(fleet, "acme/web", 4_000, 1);
    const queued = await fleet.samples("github_workflow_jobs_queued_total");
    const of = (repo: string) => queued.filter((line) => line.includes(`repo="${repo}"`)).length;
    expect([of("greedy"), of("api"), of("web"), of("other")]).toEqual([8, 3, 1, 1]);
    expect(queued.map((line) => Number(line.split(" ").at(-1))).reduce((a, b) => a + b)).toBe(84);
  });

  it("labels without a repository: all label sets share one budget", async () => {
    const fleet = await stillFleet({ MAX_SERIES_PER_METRIC: "16", LABEL_DENY: "owner,repo" });
    await fill(fleet, "acme/api", 1_000, 16);
    expect(await fleet.samples("github_workflow_jobs_queued_total")).toHaveLength(16);
  });

  it("event: names that GitHub does not have become `other`, and an event with arbitrary actions leaves room for others", async () => {
    const fleet = await stillFleet({ MAX_SERIES_PER_METRIC: "16" });
    for (let n = 0; n < 20; n += 1) {
      await fleet.deliver(`made_up_${n}`, { action: "created" });
      await fleet.deliver("repository_dispatch", { action: `anything-${n}` });
      await fleet.deliver("star", { action: `anything-${n}` });
    }
    await fleet.rollUp();
    await fleet.deliver("fork", {});
    expect(await fleet.samples("github_events_total")).toEqual(
      expect.arrayContaining([
        'github_events_total{event="fork",action=""} 1',
        'github_events_total{event="other",action="other"} 32',
        'github_events_total{event="repository_dispatch",action="other"} 20',
      ]),
    );
  });

  it("a gauge beyond the budget keeps its greatest label sets, not the alphabetically first", async () => {
    const fleet = await stillFleet({ MAX_SERIES_PER_METRIC: "2" });
    for (const [index, repo] of ["a", "b", "y", "y", "z", "z", "z"].entries())
      await fleet.accept("workflow_job", jobPayload("queued", { id: index + 1, run_id: index + 1 }, inRepository(`acme/${repo}`)));
    await fleet.process();
    const shown = (await fleet.samples("github_workflow_jobs{")).map(
      (line) => `${/repo="(.*?)"/.exec(line)?.[1]} ${line.split(" ").at(-1)}`,
    );
    expect(shown.sort()).toEqual(["other 2", "y 2", "z 3"]);
  });
});
