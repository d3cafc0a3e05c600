import pg from "pg";
import type { ChaosCase } from "../case.js";
import { CROWD } from "../postgres.js";
import type { Stage } from "../stage.js";
import { sleep } from "../waiting.js";

const AT_ONCE = 10;

/** Takes free connections until there are none. @returns how many it got */
async function crowdIn({ postgres }: Stage, crowd: pg.Client[]): Promise<number> {
  const before = crowd.length;
  for (let refused = false; !refused;) {
    const attempts = Array.from({ length: AT_ONCE }, async () => {
      const client = new pg.Client({ connectionString: postgres.urlOf(CROWD), connectionTimeoutMillis: 5_000 });
      client.on("error", () => undefined);
      await client.connect();
      crowd.push(client);
    });
    refused = (await Promise.allSettled(attempts)).some(({ status }) => status === "rejected");
  }
  return crowd.length - before;
}

export const fillPool: ChaosCase = {
  name: "fill-pool",
  what: "all of max_connections taken by others",
  seconds: 10,
  async run(stage, seconds) {
    const crowd: pg.Client[] = [];
    const ending = new AbortController();
    let crowding: Promise<void> | undefined;
    await stage.outage(
      seconds,
      async () => {
        // Octogauge holds some of them: they are ended until others have them all.
        do await stage.postgres.dropConnections();
        while ((await crowdIn(stage, crowd)) > 0);
        crowding = (async () => {
          for (; !ending.signal.aborted; await sleep(100)) await crowdIn(stage, crowd);
        })();
      },
      async () => {
        ending.abort();
        await crowding;
        stage.notes.push(`${crowd.length} connections of others`);
        await Promise.all(crowd.map((client) => client.end()));
      },
    );
  },
};
