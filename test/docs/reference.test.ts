import { register } from "prom-client";
import { expect, it } from "vitest";
import { shown } from "../../src/config/config.js";
import { SECRET_VARIABLES, variables } from "../../src/config/variables.js";
import { COUNTERS, type Family, GAUGES, HISTOGRAMS } from "../../src/counters/catalogue.js";
import { stillFleet } from "../support/fleet.js";

// Compares the generated pages with the files. `npx vitest run test/docs -u` updates the files.

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n");

it("docs/metrics.md equals the metrics in the code", async () => {
  // With a buffer and traces, whose servers need not run, so that their metrics are registered.
  const parts = { BUFFER: "redis", REDIS_URL: "redis://127.0.0.1:1", CI_TRACES: "on", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
  await stillFleet(parts);
  const families = (all: Readonly<Record<string, Family>>) =>
    table(
      ["name", "type", "labels", "meaning"],
      Object.values(all).map(({ name, type, labels, help }) => [`\`${name}\``, type, labels.join(", "), help]),
    );
  const own = register.getMetricsAsArray().filter((metric) => metric.name.startsWith("octogauge_")) as unknown as {
    name: string;
    type: string;
    help: string;
    labelNames: string[];
  }[];
  const process = own
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help, labelNames }) => [`\`${name}\``, type, labelNames.join(", "), help]);
  const page = `# Metrics

\`/metrics\` is the fleet: any replica answers it the same, from PostgreSQL. Scrape it **once**, through the Service. Scraped on every replica, sums would be
multiplied by their number. \`/metrics/process\` is one process; scrape it on every replica.

Both speak the Prometheus text format, and OpenMetrics by \`Accept\`.

- \`owner\` and \`repo\` are the two halves of the repository's full name.
- \`runs_on\` is the sorted runner labels joined by commas, empty for none.
- \`branch\` is \`default\`, \`tag\` or \`other\`, or the name, or empty, by \`BRANCH_LABEL\`; \`base_branch\` likewise. A run's payload does not say whether its
  head is a tag; only runs of \`release\` events are known to be on one. A branch of a fork is never \`default\`.
- What is unknown is an empty label. Values longer than 128 characters are cut, and control characters are replaced.
- Where no run or job is open, their gauges are absent rather than 0. Ages and durations are in seconds.
- Beyond \`MAX_SERIES_PER_METRIC\` label sets, new ones go to \`other\` and \`octogauge_series_folded_total\` says how often.

## Now, read from the open rows

${families(GAUGES)}

## Since the database began

They survive restarts, rollouts and retention, and never go backwards while the database lives.

${families(COUNTERS)}

## Distributions

Bounds by \`HISTOGRAM_BUCKETS\`; by default from 1 s to 6 h.

${families(HISTOGRAMS)}

## This process, \`/metrics/process\`

Besides the usual \`process_*\` and \`nodejs_*\` metrics:

${table(["name", "type", "labels", "meaning"], process)}
`;
  await expect(page).toMatchFileSnapshot("../../docs/metrics.md");
});

it("docs/configuration.md equals the variables in the code", async () => {
  const rows = Object.entries(variables).map(([name, parser]) => {
    const fallback: unknown = parser.parse(undefined);
    const text =
      fallback instanceof Map
        ? [...fallback.values()].map((bounds) => (bounds as number[]).join(" ")).join()
        : Array.isArray(fallback)
          ? fallback.join(",")
          : String(fallback ?? "");
    const probe = parser.safeParse("\u0001");
    const allowed = probe.success ? "any text" : (probe.error.issues[0]?.message ?? "");
    return [`\`${name}\``, text === "" ? "" : `\`${text}\``, allowed, parser.description ?? ""];
  });
  expect(rows.filter((row) => row[3] === "")).toEqual([]);
  expect(shown([...SECRET_VARIABLES][0]!, "x")).toBe("(redacted)");
  const page = `# Configuration

Octogauge is configured by environment variables. Each can also come from a file: \`NAME_FILE\` holds the path of a file with the value of \`NAME\`.
Octogauge reads them once, at start, and lists all problems together. Only secrets from files (\`GITHUB_WEBHOOK_SECRET_FILE\`, \`METRICS_TOKEN_FILE\`,
\`DATABASE_URL_FILE\`, \`GITHUB_TOKEN_FILE\`, \`GITHUB_APP_PRIVATE_KEY_FILE\`) are read again while it runs, so that they can be rotated.
\`octogauge config check\` lists the problems without starting, or shows the configuration with redacted secrets.

Durations are in seconds, or with a unit: \`250ms\`, \`30s\`, \`10m\`, \`6h\`, \`7d\`. Sizes are in bytes.

${table(["variable", "default", "allowed", "meaning"], rows)}
`;
  await expect(page).toMatchFileSnapshot("../../docs/configuration.md");
});
