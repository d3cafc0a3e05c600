import type { MetricSnapshot } from "../cluster/process-totals.js";
import { type Family, renderLabels } from "../counters/index.js";
import { expose } from "./exposition.js";

type Sample = MetricSnapshot["values"][number];

/**
 * What processes tell of themselves, in OpenMetrics, with exemplars. Not by prom-client, whose one registry has one format:
 * to switch it changes the answers to others that are under way, and takes `_total` off the counters' names for good.
 */
export const openMetricsOf = (metrics: readonly MetricSnapshot[]): string =>
  Buffer.concat(
    expose(
      metrics.map((metric) => ({
        family: familyOf(metric),
        samples: [Buffer.from(metric.values.map((sample) => lineOf(metric.name, sample)).join(""))],
      })),
      "openmetrics",
    ),
  ).toString();

const familyOf = ({ name, type, help }: MetricSnapshot): Family => ({
  name,
  type: type as Family["type"],
  labels: [],
  help: help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"'),
});

function lineOf(family: string, { metricName, labels, value, exemplar }: Sample): string {
  const own = Object.keys(labels).length === 0 ? "" : `{${rendered(labels)}}`;
  const hung = exemplar ? ` # {${rendered(exemplar.labelSet)}} ${numberOf(exemplar.value)} ${exemplar.timestamp}` : "";
  return `${metricName ?? family}${own} ${numberOf(value)}${hung}\n`;
}

const rendered = (labels: Sample["labels"]): string => renderLabels(Object.keys(labels), Object.values(labels).map(String));

/** Of what came from another process as JSON, a number that is none is null. */
function numberOf(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
