/** One webhook delivery as GitHub sends it: header values and body. */
export interface SimulatedDelivery {
  /** X-GitHub-Delivery, a version 1 GUID. */
  readonly deliveryId: string;
  /** X-GitHub-Event. */
  readonly event: string;
  /** X-GitHub-Hook-ID. */
  readonly hookId: number;
  /** The raw JSON body, the bytes to sign. */
  readonly body: string;
}

export interface Workflow {
  readonly id: number;
  readonly name: string;
  readonly path: string;
  /** The label lists that its jobs request. */
  readonly runsOn: readonly (readonly string[])[];
}

export interface SimulatedRepository {
  readonly id: number;
  readonly owner: string;
  readonly name: string;
  readonly fullName: string;
  readonly defaultBranch: string;
  readonly hookId: number;
  readonly secondHookId: number;
  readonly workflows: readonly Workflow[];
  /** Rendered once for all bodies: the top-level repository, and the repository inside a run. */
  readonly json: string;
  readonly innerJson: string;
  readonly forkJson: string;
  readonly senderJson: string;
  readonly organizationJson: string;
}

/** An event with its time and a lazy body. */
export interface PlannedEvent {
  /** 100 ns since 1582, as in the GUID. */
  readonly ticks: bigint;
  readonly event: string;
  readonly repository: SimulatedRepository;
  render(): string;
}

/** A whole second since 1970 as GitHub writes it. */
export function isoSeconds(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
