import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ChaosCase } from "../case.js";
import { whyNoMount } from "../directory.js";
import { sleep } from "../waiting.js";

const MEBIBYTE = 1_048_576;

/** Takes all the space that is left. @returns bytes */
function fill(file: string): number {
  const descriptor = openSync(file, "a");
  let bytes = 0;
  try {
    for (let size = MEBIBYTE; size >= 512;) {
      try {
        bytes += writeSync(descriptor, Buffer.alloc(size));
        fsyncSync(descriptor);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        size /= 2;
      }
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}

export const diskFull: ChaosCase = {
  name: "disk-full",
  what: "the file system of the data directory is full, WAL included; then there is room again",
  seconds: 15,
  needs: { diskMebibytes: 256, pad: true, postgresSettings: { max_wal_size: "64MB", shared_buffers: "32MB" } },
  impossible: whyNoMount,
  async run(stage, seconds) {
    const ballast = join(stage.disk ?? "", "ballast");
    const ending = new AbortController();
    let filling: Promise<void> | undefined;
    await stage.outage(
      seconds,
      () => {
        fill(ballast);
        // Whatever a checkpoint sets free is taken again.
        filling = (async () => {
          for (; !ending.signal.aborted; await sleep(200)) fill(ballast);
        })();
      },
      async () => {
        ending.abort();
        await filling;
        rmSync(ballast);
        await stage.postgres.writable();
        const refusals = /No space left on device/.test(stage.postgres.log);
        if (!refusals) stage.faults.push("the disk was never seen full by PostgreSQL: the case did nothing");
        stage.notes.push(`PostgreSQL ended ${stage.postgres.deaths} times by itself`);
      },
    );
  },
};
