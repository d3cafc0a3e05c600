import { type EventType, eventCounter, REPOSITORY, values } from "./event-type.js";
import { label, object, type Repository, repository } from "./fields.js";

export interface DeploymentStatus {
  readonly kind: "deployment_status";
  readonly action: string;
  readonly repository: Repository;
  readonly environment: string;
  readonly state: string;
}

export const DEPLOYMENTS = eventCounter(
  "github_deployments_total",
  ["environment", "state"],
  "Deployment statuses, by the state that the deployment reached (`success`, `failure`, …).",
);

/** GitHub: https://docs.github.com/webhooks/webhook-events-and-payloads#deployment_status */
export const deploymentStatus: EventType<DeploymentStatus> = {
  selection: { ...values("action"), deployment_status: values("state", "environment"), repository: REPOSITORY },
  counters: { deployments: DEPLOYMENTS },
  read(payload) {
    const status = object(payload, "deployment_status");
    return {
      kind: "deployment_status",
      action: label(payload, "action"),
      repository: repository(payload),
      environment: label(status, "environment"),
      state: label(status, "state"),
    };
  },
  fold({ environment, state, repository: { owner, repo } }, sink) {
    sink.count(DEPLOYMENTS, [owner, repo, environment, state]);
  },
};
