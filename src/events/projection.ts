/** The few fields of a payload that processing needs. Stored beside it, as JSON, so that workers neither fetch nor parse 12 KB. */
export type Projection = WorkflowJobProjection | WorkflowRunProjection | PushProjection | PullRequestProjection | OtherProjection;

export interface Repository {
  readonly owner: string;
  readonly repo: string;
  readonly defaultBranch: string;
}

/** Times are milliseconds since 1970, null where the payload has none. */
export interface WorkflowJobProjection {
  readonly kind: "workflow_job";
  readonly action: string;
  readonly repository: Repository;
  readonly id: number;
  readonly runId: number;
  /** 0 where an older server left it out: the job belongs to the newest attempt of its run. */
  readonly runAttempt: number;
  readonly name: string;
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string;
  /** Of the runner that it asks for, sorted. */
  readonly labels: readonly string[];
  /** Null where the payload names none. */
  readonly runnerId: number | null;
  readonly hasStartedStep: boolean;
  /** Whether the job deploys to an environment, which may have to approve it. */
  readonly isDeployment: boolean;
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
}

export interface WorkflowRunProjection {
  readonly kind: "workflow_run";
  readonly action: string;
  readonly repository: Repository;
  readonly id: number;
  readonly runAttempt: number;
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string;
  readonly event: string;
  readonly headBranch: string;
  /** Whether the head is in another repository, or in a fork that is gone: its branch names say nothing about ours. */
  readonly fromFork: boolean;
  readonly createdAt: number | null;
  readonly runStartedAt: number | null;
  readonly updatedAt: number | null;
}

export interface PushProjection {
  readonly kind: "push";
  readonly action: string;
  readonly repository: Repository;
  readonly ref: string;
  readonly commits: number;
}

export interface PullRequestProjection {
  readonly kind: "pull_request";
  readonly action: string;
  readonly repository: Repository;
  readonly baseBranch: string;
}

/** Any other event: counted and dropped. */
export interface OtherProjection {
  readonly kind: "other";
  readonly action: string;
}
