import type { PlannedEvent, SimulatedRepository } from "./model.js";
import { bystanders, renderBystander, renderPullRequest, renderPush, type PullRequest } from "./other-payloads.js";
import { createEntityClock, planned, type Planning } from "./planning.js";
import type { RunIdentity } from "./run-payload.js";
import { planRun } from "./run-plan.js";

const triggers = {
  push: 36,
  pull_request: 30,
  schedule: 7,
  workflow_dispatch: 7,
  release: 4,
  bystander: 16,
} as const;
const pullRequestActions = { opened: 40, synchronize: 40, reopened: 3, closed: 17 } as const;
const namings = { workflow: 92, run: 5, nowhere: 3 } as const;

/** Plans one activity in a repository at a time (seconds since 1970), and the runs it starts. */
export type ScriptPlanner = (at: number) => PlannedEvent[];

/** Creates the planner of a history. Its events are ordered by time. */
export function createScriptPlanner(planning: Planning, repositories: readonly SimulatedRepository[]): ScriptPlanner {
  const { random } = planning;
  const runNumbers = new Map<number, number>();

  const run = (
    repository: SimulatedRepository,
    event: string,
    headBranch: string | null,
    createdAt: number,
    fromFork = false,
  ): PlannedEvent[] => {
    const workflow = random.pick(repository.workflows);
    const number = (runNumbers.get(workflow.id) ?? 0) + 1;
    runNumbers.set(workflow.id, number);
    const identity: RunIdentity = {
      id: planning.nextId(),
      number,
      repository,
      workflow,
      event,
      headBranch,
      headSha: random.hex(40),
      fromFork,
      createdAt,
      named: random.weighted(namings),
      pad: planning.pad,
      onOldServer: random.chance(0.02),
    };
    return planRun(planning, identity, fromFork && random.chance(0.5));
  };

  const feature = (): string => `feature/change-${random.int(1, 400)}`;
  const tag = (): string => `v1.${random.int(0, 60)}.${random.int(0, 9)}`;

  const push = (repository: SimulatedRepository, at: number): PlannedEvent[] => {
    const target = random.weighted({ default: 50, feature: 40, tag: 10 });
    const branch = { default: repository.defaultBranch, feature: feature(), tag: tag() }[target];
    const commits = random.chance(0.1) ? 0 : 1 + Math.min(19, Math.floor(random.exponential(3)));
    const ref = target === "tag" ? `refs/tags/${branch}` : `refs/heads/${branch}`;
    const what = { ref, commits, at, headSha: random.hex(40) };
    const event = planned(repository, "push", createEntityClock(random)(at), () => renderPush(repository, what));
    return commits === 0 ? [event] : [event, ...run(repository, "push", branch, at + 1)];
  };

  const pullRequest = (repository: SimulatedRepository, at: number): PlannedEvent[] => {
    const pull: PullRequest = {
      action: random.weighted(pullRequestActions),
      number: random.int(1, 2000),
      base: random.chance(0.85) ? repository.defaultBranch : "release/next",
      head: feature(),
      headSha: random.hex(40),
      at,
    };
    const event = planned(repository, "pull_request", createEntityClock(random)(at), () => renderPullRequest(repository, pull));
    if (pull.action === "closed") return [event];
    const fromFork = random.chance(0.3);
    // A fork's branch can have the name of the default branch.
    const head = fromFork && random.chance(0.3) ? repository.defaultBranch : pull.head;
    return [event, ...run(repository, "pull_request", head, at + 1, fromFork)];
  };

  const bystander = (repository: SimulatedRepository, at: number): PlannedEvent[] => {
    const [event, action] = random.pick(bystanders);
    const id = planning.nextId();
    const ticks = createEntityClock(random)(at);
    const render = () => renderBystander(repository, event, action, id);
    return [planned(repository, event, ticks, render)];
  };

  const plan = (at: number): PlannedEvent[] => {
    const repository = random.pick(repositories);
    const trigger = random.weighted(triggers);
    switch (trigger) {
      case "push":
        return push(repository, at);
      case "pull_request":
        return pullRequest(repository, at);
      case "schedule":
        return run(repository, trigger, repository.defaultBranch, at);
      case "workflow_dispatch":
        return run(repository, trigger, random.chance(0.2) ? null : feature(), at);
      case "release":
        return run(repository, trigger, tag(), at);
      case "bystander":
        return bystander(repository, at);
    }
  };
  return (at) => plan(at).toSorted((a, b) => (a.ticks < b.ticks ? -1 : a.ticks > b.ticks ? 1 : 0));
}
