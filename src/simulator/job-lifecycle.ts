import type { JobMoment } from "./job-payload.js";

/** Kinds of job lifecycles, with weights. */
export const jobKinds = {
  ordinary: 700,
  approvalGate: 30,
  heldAtGate: 4,
  requeuedAtGate: 4,
  skipped: 60,
  cancelledBeforeRunner: 30,
  lostInProgress: 30,
  lostQueued: 15,
  twiceInProgress: 25,
  completedNeverSent: 8,
  neverPickedUp: 6,
  otherApp: 10,
  checkRun: 10,
  lateStart: 20,
  unnamedRunner: 15,
  noCreatedAt: 10,
  clockSkew: 10,
  noConclusion: 6,
} as const;

export type JobKind = keyof typeof jobKinds;

/** Whole seconds since 1970, in this order. */
export interface JobTimes {
  readonly created: number;
  readonly started: number;
  readonly completed: number;
}

/** The events of a job of a kind, in order of time. */
export function jobMoments(kind: JobKind, times: JobTimes, conclusion: string): JobMoment[] {
  const { created, started, completed } = times;
  const blank = { createdAt: created, completedAt: null, conclusion: null, runner: "none" } as const;
  const queued: JobMoment = { ...blank, action: "queued", at: created, startedAt: created };
  const running: JobMoment = {
    ...blank,
    action: "in_progress",
    at: started,
    startedAt: started,
    runner: "assigned",
  };
  const done: JobMoment = {
    ...running,
    action: "completed",
    at: completed,
    completedAt: completed,
    conclusion,
  };
  const waiting: JobMoment = { ...queued, action: "waiting" };
  const approved: JobMoment = { ...queued, at: Math.floor((created + started) / 2) };

  switch (kind) {
    case "ordinary":
      return [queued, running, done];
    case "approvalGate":
      return [queued, waiting, approved, running, done];
    case "heldAtGate":
      return [queued, waiting];
    case "requeuedAtGate":
      return [queued, waiting, approved];
    case "skipped": {
      const at = created - (started % 3);
      const never = { startedAt: at, completedAt: at, runner: "none", conclusion: kind } as const;
      return [{ ...done, ...never, at: created }];
    }
    case "cancelledBeforeRunner": {
      const runner = completed % 2 === 0 ? "none" : "zero";
      return [queued, { ...done, conclusion: "cancelled", runner, startedAt: created }];
    }
    case "lostInProgress":
      return [queued, done];
    case "lostQueued":
      return [running, done];
    case "twiceInProgress":
      return [queued, running, running, done];
    case "completedNeverSent":
      return [queued, running];
    case "neverPickedUp":
      return [queued];
    case "otherApp":
      return [{ ...done, runner: "none" }];
    case "checkRun":
      return [{ ...done, runner: "none", at: completed, createdAt: completed, startedAt: completed }];
    case "lateStart":
      // The first of these events does not have the true start.
      return [queued, { ...running, startedAt: created }, done];
    case "unnamedRunner":
      return [queued, { ...running, runner: "none", hasSteps: true }, { ...done, runner: "none", hasSteps: true }];
    case "noCreatedAt":
      return [queued, running, done].map((moment) => Object.assign(moment, { createdAt: undefined }));
    case "clockSkew": {
      const skewed = { startedAt: created - 2 };
      return [queued, { ...running, ...skewed }, { ...done, ...skewed, completedAt: created - 3 }];
    }
    case "noConclusion":
      return [queued, running, { ...done, conclusion: null }];
  }
}
