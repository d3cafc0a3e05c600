import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ChaosCase, StageNeeds } from "../case.js";
import { whyNoMount } from "../directory.js";
import type { Stage } from "../stage.js";
import { sleep } from "../waiting.js";

const MEBIBYTE = 1_048_576;

/** Fills the remaining space. @returns the bytes written */
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

/** Keeps the disk full for the given time and calls `whileFull` repeatedly. */
async function runFull(stage: Stage, seconds: number, whileFull: () => Promise<unknown>): Promise<void> {
  const ballast = join(stage.disk ?? "", "ballast");
  const ending = new AbortController();
  let filling: Promise<void> | undefined;
  await stage.outage(
    seconds,
    () => {
      fill(ballast);
      // Fill space again that a checkpoint frees.
      filling = (async () => {
        for (; !ending.signal.aborted; await sleep(200)) {
          fill(ballast);
          await whileFull();
        }
      })();
    },
    async () => {
      ending.abort();
      await filling;
      rmSync(ballast);
      await stage.postgres.writable();
      if (!stage.postgres.sawFullDisk) stage.faults.push("PostgreSQL never logged a full disk: the case had no effect");
      stage.notes.push(`PostgreSQL crashed ${stage.postgres.crashes} times`);
    },
  );
}

const NEEDS: StageNeeds = { diskMebibytes: 256, pad: true, postgresSettings: { max_wal_size: "64MB", shared_buffers: "32MB" } };

export const diskFull: ChaosCase = {
  name: "disk-full",
  what: "the file system of the data directory is full; PostgreSQL answers queries but refuses writes",
  seconds: 15,
  needs: NEEDS,
  impossible: whyNoMount,
  run: (stage, seconds) => runFull(stage, seconds, async () => undefined),
};

export const walFull: ChaosCase = {
  name: "wal-full",
  what: "the file system is full in the middle of the WAL: PostgreSQL panics, and cannot start before there is space",
  seconds: 10,
  needs: NEEDS,
  impossible: whyNoMount,
  async run(stage, seconds) {
    // Writes only WAL, no table pages.
    const write = () => stage.postgres.query("SELECT pg_logical_emit_message(false, 'chaos', repeat('x', 4000000))");
    await runFull(stage, seconds, () => write().catch(() => undefined));
    if (stage.postgres.crashes === 0) stage.faults.push("PostgreSQL did not crash: the case had no effect");
  },
};
