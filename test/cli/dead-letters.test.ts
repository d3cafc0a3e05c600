import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { deadLettersCommand } from "../../src/cli/dead-letters.js";
import { runCommand } from "../support/command.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN } from "../support/payloads.js";
import { childEnvironment } from "../support/environment.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));
const run = promisify(execFile);

const octogauge = (url: string, ...args: string[]) => runCommand(deadLettersCommand, url, args);

/** Runs the command as an operator does. @returns its output and exit code */
async function asProcess(url: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [CLI, "dead-letters", ...args], {
      env: childEnvironment({ DATABASE_URL: url }),
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

const ids = [1, 2, 3].map((number) => `00000000-0000-4000-8000-00000000000${number}`);

/** Two jobs that the database refused, and a body that is not JSON. */
async function withDeadLetters() {
  const fleet = await stillFleet({ MAX_ATTEMPTS: "1" });
  await rowsOf(fleet.url, "ALTER TABLE octogauge.workflow_jobs ADD CONSTRAINT refused CHECK (job_id <> 3)");
  await fleet.accept("workflow_job", jobPayload("completed", { ...RAN, id: 3 }), ids[0]);
  await fleet.accept("workflow_job", { ...jobPayload("completed", { ...RAN, id: 3 }), repository: { full_name: "Other/Web" } }, ids[1]);
  await fleet.accept("push", '{"ref":"\u001b[31mred', ids[2]);
  await fleet.process();
  await fleet.retry();
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.dead_letters")).toHaveLength(3);
  return fleet;
}

it("lists by event, repository, error and time, and shows one dead letter", async () => {
  const { url } = await withDeadLetters();
  const listed = async (...args: string[]) => {
    const { stdout } = await octogauge(url, "list", "--json", ...args);
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { id: string }).id)
      .sort();
  };
  expect(await listed()).toEqual(ids);
  expect(await listed("--event", "push")).toEqual([ids[2]]);
  expect(await listed("--repository", "acme/api")).toEqual([ids[0]]);
  expect(await listed("--repository", "other/")).toEqual([ids[1]]);
  expect(await listed("--error", 'Constraint "refused"')).toEqual([ids[0], ids[1]]);
  expect(await listed("--since", "1h")).toEqual(ids);
  expect(await listed("--until", "1h")).toEqual([]);
  expect((await octogauge(url, "list", "--limit", "1")).stderr).toContain("1 of 3 dead letters");
  const shown = await octogauge(url, "show", ids[2]!);
  expect(shown.stdout).toContain("the body is not JSON");
  expect(shown.stdout).not.toContain("\u001b");
  expect((await asProcess(url, "show", ids[2]!, "--body")).stdout).toBe('{"ref":"\u001b[31mred');
});

it("replays each delivery once under its id, and counts it if its cause is fixed", async () => {
  const fleet = await withDeadLetters();
  const { url } = fleet;
  expect((await octogauge(url, "replay", "--event", "workflow_job", "--dry-run")).stdout).toBe("would replay 2 dead letters\n");
  expect(await rowsOf(url, "SELECT FROM octogauge.inbox")).toEqual([]);
  await rowsOf(url, "ALTER TABLE octogauge.workflow_jobs DROP CONSTRAINT refused; DELETE FROM octogauge.delivery_ledger");
  expect((await octogauge(url, "replay", ids[0]!)).stdout).toBe("replayed 1 dead letter\n");
  expect((await octogauge(url, "replay", ids[0]!)).stdout).toBe("replayed 0 dead letters\n");
  expect(await rowsOf(url, "SELECT delivery_id::text AS id FROM octogauge.inbox")).toEqual([{ id: ids[0] }]);
  expect(await fleet.accept("workflow_job", jobPayload("completed", RAN), ids[0])).toBe("duplicate");
  await fleet.process();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 1$/);
  expect(await rowsOf(url, "SELECT FROM octogauge.dead_letters")).toHaveLength(2);
});

it("a replayed delivery that fails again is a dead letter again, and the replay ends", async () => {
  const fleet = await withDeadLetters();
  expect((await octogauge(fleet.url, "replay", "--all")).stdout).toBe("replayed 3 dead letters\n");
  await fleet.process();
  await fleet.retry();
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.dead_letters")).toHaveLength(3);
});

it("discards only the selected dead letters", async () => {
  const { url } = await withDeadLetters();
  const refused = await asProcess(url, "discard");
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("ids, filters, or --all")]);
  // An empty value, as from an unset variable in a script.
  expect((await octogauge(url, "discard", "--error", "")).stderr).toContain("not empty");
  expect(await rowsOf(url, "SELECT FROM octogauge.dead_letters")).toHaveLength(3);
  expect((await octogauge(url, "discard", "--repository", "other/web")).stdout).toBe("discarded 1 dead letter\n");
  expect(await rowsOf(url, "SELECT FROM octogauge.dead_letters")).toHaveLength(2);
});

it("reports what is allowed", async () => {
  const { url } = await withDeadLetters();
  expect((await octogauge(url, "replay", "17")).stderr).toContain("a delivery id, which is a GUID");
  expect((await octogauge(url, "list", "--since", "yesterday")).stderr).toContain("or a duration such as 2h");
  expect((await octogauge(url, "show", ids[0]!.replaceAll("0", "9"))).stderr).toContain("There is no dead letter");
});
