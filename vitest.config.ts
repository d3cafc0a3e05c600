import { defineConfig } from "vitest/config";
import { isFullSize } from "./test/support/size.js";
import { LIMIT_MS } from "./test/support/wait.js";

/** Minutes of processes that are started, killed and cut off, and plans of a million rows: for `npm run test:all`. */
const FULL_SIZE = [
  "test/buffer/outage.test.ts",
  "test/config/secrets.test.ts",
  "test/deploy/prometheus.test.ts",
  "test/metrics/exemplars.test.ts",
  "test/modes/composition.test.ts",
  "test/ci-traces/ci-traces-fleet.test.ts",
  "test/plans/plans.test.ts",
  "test/processing/poison.test.ts",
  "test/reconcile/repair.test.ts",
  "test/truth/pgbouncer.test.ts",
];

/**
 * Files with a process of their own. The others share one with the files before them, so that modules are loaded once. These replace timers or the
 * console, end the process, look at what is loaded, or count what the process has counted.
 */
const OWN_PROCESS = [
  "test/architecture.test.ts",
  "test/background/*.test.ts",
  "test/database/embedded*.test.ts",
  "test/github/failure.test.ts",
  "test/intake/group-commit.test.ts",
  "test/logging/*.test.ts",
  "test/metrics/*.test.ts",
  "test/modes/*.test.ts",
  "test/tracing/*.test.ts",
];

const left = isFullSize ? [] : FULL_SIZE;

export default defineConfig({
  test: {
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["reflect-metadata"],
    // Above the limit of a wait, so that a wait that fails says what it waited for.
    testTimeout: 5 * LIMIT_MS,
    hookTimeout: 5 * LIMIT_MS,
    expect: { poll: { timeout: LIMIT_MS } },
    // A third file runs while two wait: on two cores the full suite takes 563 s instead of 724 s.
    maxWorkers: 3,
    // What a passing test logs is not shown.
    silent: "passed-only",
    projects: [
      { extends: true, test: { name: "own process", include: OWN_PROCESS, exclude: left } },
      { extends: true, test: { name: "shared process", include: ["test/**/*.test.ts"], exclude: [...OWN_PROCESS, ...left], isolate: false } },
    ],
  },
});
