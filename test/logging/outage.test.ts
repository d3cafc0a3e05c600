import { expect, it } from "vitest";
import { BackgroundLoop, type Outcome } from "../../src/background/background-loop.js";
import { Outage } from "../../src/logging/outage.js";

it("an outage logs its first failure, then one failure a minute, and its end once", () => {
  const [lines, clock] = [[] as string[], { now: 0 }];
  const outage = new Outage({ warn: (line: string) => lines.push(line), log: (line: string) => lines.push(line) }, () => clock.now);
  outage.worked();
  for (let failure = 1; failure <= 1_000; failure += 1) {
    clock.now = failure * 125;
    outage.failed(`failure ${failure}`);
  }
  outage.worked();
  outage.worked();
  expect(lines).toEqual(["failure 1", "failure 481", "failure 961", "works again, after 1000 failures in 125 s"]);
});

it("a loop with failing rounds does not log each of them", async () => {
  const lines: string[] = [];
  let rounds = 0;
  class Failing extends BackgroundLoop {
    constructor() {
      super("test/failing", 3_600, Promise.resolve());
      Object.assign(this.logger, { warn: (line: string) => lines.push(line), log: (line: string) => lines.push(line) });
    }
    override async runOnce(): Promise<Outcome> {
      rounds += 1;
      if (rounds < 4) throw new Error("the database is away");
      return "idle";
    }
  }
  const loop = new Failing();
  loop.start();
  await expect.poll(() => lines.length).toBeGreaterThan(1);
  await loop.stop();
  expect(lines).toEqual([
    "round failed, trying again: the database is away",
    expect.stringMatching(/^works again, after 3 failures in \d+ s$/),
  ]);
});
