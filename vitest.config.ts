import { defineConfig } from "vitest/config";

/**
 * Files that a worker runs after others in one process, so that the modules are loaded once. Left out are those whose process matters: they replace
 * timers or console, end it, look at what is loaded, or count what the process has counted.
 */
const OWN_PROCESS = [
  "test/architecture.test.ts",
  "test/github/failure.test.ts",
  "test/inbox/group-commit.test.ts",
  "test/logging/**",
  "test/metrics/**",
  "test/modes/**",
  "test/tracing/**",
];
const shared = { globalSetup: ["test/support/global-setup.ts"], setupFiles: ["reflect-metadata"], testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    // What a passing test logs is not shown.
    silent: "passed-only",
    ...shared,
    projects: [
      { extends: true, test: { name: "own process", include: OWN_PROCESS.map((path) => (path.endsWith("**") ? `${path}/*.test.ts` : path)) } },
      { extends: true, test: { name: "shared process", include: ["test/**/*.test.ts"], exclude: OWN_PROCESS, isolate: false } },
    ],
  },
});
