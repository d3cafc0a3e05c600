// The door of this room: the pure rules of runs, jobs and executions, and the statements that write them.
export { eventTime, idAt } from "./event-time.js";
export { COUNTED, countExecutions, type ExecutionRow, groupOf } from "./executions.js";
export { executionRows, lockRuns } from "./executions.sql.js";
export { countedOfJob, countedOfRun, FACT, has, STATE } from "./facts.js";
export { type JobObservation, joinJobs, observeJob } from "./job-transition.js";
export { type JobValues, upsertJobs, valuesOfJobs } from "./jobs.sql.js";
export { closeAbsentJobs, closeGone, knowsRuns, noteAsked, type SilentAttempt, staleRuns } from "./lookups.sql.js";
export { closeLeftOpen, countOpenJobs, countOpenRuns, loseJobs, loseRuns, type Lost, type OpenJobs } from "./open.sql.js";
export { joinRuns, namedBy, observeRun, type RunObservation } from "./run-transition.js";
export { attemptKey, knownAttempts, labelsOfRun, upsertRuns } from "./runs.sql.js";
export type { Learned } from "./upsert.js";
