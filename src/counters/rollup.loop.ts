import { Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { SchemaGate } from "../database/index.js";
import { Rollup } from "./rollup.js";

/** Seconds. A scrape does not wait for it, but has little left to do. */
const EVERY = 1;

/** Keeps tallies from piling up where nobody scrapes. */
@Injectable()
export class RollupLoop extends BackgroundLoop {
  constructor(
    private readonly rollup: Rollup,
    schema: SchemaGate,
  ) {
    super("counters/rollup", EVERY, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    await this.rollup.run();
    return "idle";
  }
}
