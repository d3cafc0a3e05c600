import type { ChaosCase } from "./case.js";
import type { Result } from "./result.js";
import { Stage } from "./stage.js";
import { messageOf } from "./waiting.js";
import { verify } from "./verify.js";

const LOG_LINES = 5;

/** Sets up the stage, runs the case and verifies the result. Never rejects: an error is a finding. */
export async function runCase(chaos: ChaosCase, seed: string, seconds: number): Promise<Result> {
  const began = performance.now();
  const reason = chaos.impossible?.();
  if (reason) return { name: chaos.name, skipped: reason, seconds: 0, findings: [] };
  let stage: Stage | undefined;
  const findings: string[] = [];
  try {
    stage = await Stage.setUp(`${seed} ${chaos.name}`, chaos.needs);
    await chaos.run(stage, seconds).catch((error: unknown) => void findings.push(`the case broke off: ${messageOf(error)}`));
    const verdict = await verify(stage);
    findings.push(...verdict.findings);
    const { record } = stage.traffic;
    const slowest = stage.recoveries.reduce((worst, one) => (one.seconds > worst.seconds ? one : worst), { seconds: -1, last: "" });
    return {
      name: chaos.name,
      seconds: (performance.now() - began) / 1_000,
      findings,
      figures: {
        accepted: record.accepted,
        refused: record.refused,
        unanswered: record.unanswered,
        redelivered: record.redelivered,
        lost: verdict.lost,
        doubled: verdict.doubled,
        longestAnswerSeconds: record.longest,
        recoverySeconds: slowest.seconds < 0 ? undefined : slowest.seconds,
        recoveredLast: slowest.last,
        peakMemoryMebibytes: Math.max(...stage.replicas.map((replica) => replica.peakMemory())),
      },
      notes: stage.notes,
      logs: findings.length > 0 ? logsOf(stage) : [],
    };
  } catch (error) {
    const faults = stage?.replicas.flatMap((replica) => replica.faults) ?? [];
    return { name: chaos.name, seconds: (performance.now() - began) / 1_000, findings: [...findings, messageOf(error), ...faults] };
  } finally {
    await stage?.tearDown();
  }
}

/** The last distinct lines of each log, ignoring variable parts such as times and ids. */
function logsOf({ replicas, postgres }: Stage): string[] {
  const end = (name: string, log: string) => {
    const times = new Map<string, number>();
    for (const line of log.trim().split("\n")) {
      const text = line.replace(/"pid":\d+,|"time":"[^"]*",/g, "").replace(/^[-\d]+ [:.\d]+ UTC \[\d+\] /, "");
      times.set(text, (times.get(text) ?? 0) + 1);
    }
    return [...times].slice(-LOG_LINES).map(([text, count]) => `${name} | ${count} x ${text.slice(0, 300)}`);
  };
  return [...replicas.flatMap((replica) => end(replica.name, replica.log)), ...end("postgres", postgres.log)];
}
