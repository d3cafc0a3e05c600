import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider } from "@willsoto/nestjs-prometheus";
import type { Counter } from "prom-client";
import type { GitHubOutcome } from "./failure.js";

const REQUESTS = "octogauge_github_requests_total";

export const githubMetricProviders = [
  makeCounterProvider({
    name: REQUESTS,
    help: "Requests to GitHub's API, by purpose (name of a hook, or `lookup`) and outcome.",
    labelNames: ["purpose", "outcome"],
  }),
];

/** Metrics of this process's requests to GitHub's API. */
@Injectable()
export class GitHubMetrics {
  constructor(@InjectMetric(REQUESTS) private readonly requests: Counter) {}

  answered(purpose: string, outcome: GitHubOutcome): void {
    this.requests.inc({ purpose, outcome });
  }
}
