// The door of this room: GitHub's REST API within the limits that the fleet shares.
export { Actions, type AttemptName, type RepositoryName, type RequestOptions, type Tagged } from "./actions.js";
export { Credentials } from "./credentials.js";
export { GitHubError } from "./failure.js";
export { FleetLimits } from "./fleet-limits.js";
export { GitHub } from "./github.js";
export { GitHubMetrics } from "./github.metrics.js";
export { HookLog, type LoggedDelivery, type LogPage } from "./hook-log.js";
export { withRetries } from "./with-retries.js";
