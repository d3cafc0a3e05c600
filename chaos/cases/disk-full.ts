import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ChaosCase, StageNeeds } from "../case.js";
import { whyNoMount } from "../directory.js";
import type { Stage } from "../stage.js";
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

/** Fills the disk for so long; `meanwhile` goes on for the time that it is full. */
async function runFull(stage: Stage, seconds: number, meanwhile: () => Promise<unknown>): Promise<void> {
  const ballast = join(stage.disk ?? "", "ballast");
  const ending = new AbortController();
  let filling: Promise<void> | undefined;
  await stage.outage(
    seconds,
    () => {
      fill(ballast);
      // Whatever a checkpoint sets free is taken again.
      filling = (async () => {
        for (; !ending.signal.aborted; await sleep(200)) {
          fill(ballast);
          await meanwhile();
        }
      })();
    },
    async () => {
      ending.abort();
      await filling;
      rmSync(ballast);
      await stage.postgres.writable();
      if (!stage.postgres.sawFullDisk) stage.faults.push("PostgreSQL never saw a full disk: the case did nothing");
      stage.notes.push(`PostgreSQL ended ${stage.postgres.deaths} times by itself`);
    },
  );
}

const NEEDS: StageNeeds = { diskMebibytes: 256, pad: true, postgresSettings: { max_wal_size: "64MB", shared_buffers: "32MB" } };

export const diskFull: ChaosCase = {
  name: "disk-full",
  what: "the file system of the data directory is full; PostgreSQL answers, but takes no writes",
  seconds: 15,
  needs: NEEDS,
  impossible: whyNoMount,
  run: (stage, seconds) => runFull(stage, seconds, async () => undefined),
};

export const walFull: ChaosCase = {
  name: "wal-full",
  what: "the file system is full in the middle of the WAL: PostgreSQL panics, and cannot start again before there is room",
  seconds: 10,
  needs: NEEDS,
  impossible: whyNoMount,
  async run(stage, seconds) {
    // WAL alone, no page of any table.
    const write = () => stage.postgres.query("SELECT pg_logical_emit_message(false, 'chaos', repeat('x', 4000000))");
    await runFull(stage, seconds, () => write().catch(() => undefined));
    if (stage.postgres.deaths === 0) stage.faults.push("PostgreSQL did not end: the case did nothing");
  },
};
