import type { ChaosCase } from "../case.js";

export const hung: ChaosCase = {
  name: "hung",
  what: "SIGSTOP of PostgreSQL and all of its processes, then SIGCONT",
  seconds: 12,
  run: (stage, seconds) =>
    stage.outage(
      seconds,
      () => stage.postgres.signalAll("SIGSTOP"),
      () => stage.postgres.signalAll("SIGCONT"),
    ),
};
