import { expect, it } from "vitest";
import { misspelt } from "../../src/config/misspelt.js";

it.each([
  ["GITHUB_HOOK", "GITHUB_HOOKS"],
  ["GITHUB_HOOKSS", "GITHUB_HOOKS"],
  ["DATABASE_URI", "DATABASE_URL"],
  ["RECONCILE_AFETR", "RECONCILE_AFTER"],
  ["Github_Token", "GITHUB_TOKEN"],
  ["GITHUB_TOKEN_FLIE", "GITHUB_TOKEN_FILE"],
])("%s is reported as a misspelling of %s", (name, meant) => {
  expect(misspelt({ [name]: "x", PATH: "/bin" })).toEqual([`${name} is set, but Octogauge does not read it; did you mean ${meant}?`]);
});

it("known variables, and variables unlike ours, are not reported", () => {
  const others = {
    GITHUB_HOOKS: "app",
    GITHUB_TOKEN_FILE: "/x",
    GITHUB_ACTIONS: "true",
    GITHUB_REPOSITORY: "a/b",
    HOSTNAME: "h",
    POST: "1",
    NODE_ENV: "x",
  };
  expect(misspelt(others)).toEqual([]);
});
