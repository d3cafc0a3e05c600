import { Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { SchemaGate } from "../database/index.js";
import { Rollup } from "./rollup.js";

/** A scrape runs the rollup itself; a short interval leaves it few deltas. */
const INTERVAL_SECONDS = 1;

/** Applies deltas also when no scrape comes. */
@Injectable()
export class RollupLoop extends BackgroundLoop {
  constructor(
    private readonly rollup: Rollup,
    schema: SchemaGate,
  ) {
    super("counters/rollup", INTERVAL_SECONDS, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    await this.rollup.run();
    return "idle";
  }
}
