import { postOnce } from "../post.js";
import { Agent } from "node:http";
import { randomUUID } from "node:crypto";
import { MARKER } from "./judge.js";

/** Delivers a job whose workflow name is the marker. @returns the status */
export async function deliverMarker(webhook: URL): Promise<number | undefined> {
  const body = JSON.stringify({
    action: "queued",
    workflow_job: {
      id: 4_242,
      run_id: 4_241,
      workflow_name: MARKER,
      status: "queued",
      labels: ["x"],
      created_at: new Date().toISOString(),
    },
    repository: { full_name: "marker/marker" },
  });
  const { status } = await postOnce(webhook, { deliveryId: randomUUID(), event: "workflow_job", hookId: 1, body }, new Agent());
  return status;
}
