import { App } from "@octokit/app";
import { Octokit } from "@octokit/core";
import type { FakeGitHub } from "../support/fake-github/fake-github.js";

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A client with the personal token. */
export const withToken = (github: FakeGitHub, auth: string = github.token, baseUrl: string = github.url): Octokit =>
  new Octokit({ auth, baseUrl, log: quiet });

/** A client with the App's key. */
export const asApp = (github: FakeGitHub, app = github.app): App =>
  new App({ ...app, Octokit: Octokit.defaults({ baseUrl: github.url, log: quiet }) });

/** The status of a refused request. @throws if the request succeeded */
export async function refusal(request: Promise<unknown>): Promise<number> {
  const error: unknown = await request.then(
    () => new Error("it was not refused"),
    (error: unknown) => error,
  );
  if (error instanceof Error && "status" in error) return Number(error.status);
  throw error;
}
