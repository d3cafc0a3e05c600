import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Labels that Prometheus adds to each sample. */
const OF_A_SCRAPE = ["job", "instance"];
/** The default metrics of prom-client that the documentation uses. */
const OF_EVERY_PROCESS = ["nodejs_eventloop_lag_p99_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"];

/** The series of docs/metrics.md with their label names. A test in test/docs compares that page with the code. */
export function metricsReference(): ReadonlyMap<string, readonly string[]> {
  const page = readFileSync(fileURLToPath(new URL("../../docs/metrics.md", import.meta.url)), "utf8");
  const reference = new Map<string, readonly string[]>(OF_EVERY_PROCESS.map((name) => [name, OF_A_SCRAPE]));
  for (const [, name = "", type, labels = ""] of page.matchAll(/^\| `(\w+)` \| (\w+) \| ([\w, ]*) \|/gm)) {
    const own = [...labels.split(",").map((label) => label.trim()), ...OF_A_SCRAPE].filter(Boolean);
    if (type !== "histogram") reference.set(name, own);
    else for (const part of ["bucket", "sum", "count"]) reference.set(`${name}_${part}`, part === "bucket" ? [...own, "le"] : own);
  }
  return reference;
}
