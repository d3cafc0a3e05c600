import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { readLimits } from "../../github/limits.sql.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";

/** What GitHub's rate limits leave. */
@Injectable()
export class GitHubCollector implements Collector {
  readonly name = "github";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const [remaining, pause] = [new Samples(GAUGES.githubRemaining), new Samples(GAUGES.githubPause)];
    for (const state of await readLimits(on)) {
      if (state.remaining !== null) remaining.set([state.principal], state.remaining);
      pause.set([state.principal], Math.ceil(state.pause));
    }
    return [remaining.collected(), pause.collected()];
  }
}
