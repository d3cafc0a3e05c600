import { expect, it } from "vitest";
import { stillFleet } from "../support/fleet.js";

const payload = (state: string) => ({
  action: "created",
  deployment_status: { state, environment: "production" },
  repository: { name: "api", full_name: "acme/api", owner: { login: "acme" } },
});

it("each deployment_status raises the counter of its environment and state", async () => {
  const fleet = await stillFleet();
  for (const state of ["in_progress", "success", "success"]) await fleet.deliver("deployment_status", payload(state));
  expect(await fleet.samples("github_deployments_total")).toEqual([
    'github_deployments_total{owner="acme",repo="api",environment="production",state="in_progress"} 1',
    'github_deployments_total{owner="acme",repo="api",environment="production",state="success"} 2',
  ]);
});
