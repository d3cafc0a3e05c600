import type { ChaosCase } from "../case.js";
import { badInput } from "./bad-input.js";
import { bigBodies } from "./big-bodies.js";
import { clock } from "./clock.js";
import { diskFull, walFull } from "./disk-full.js";
import { dropConnections } from "./drop-connections.js";
import { fillPool } from "./fill-pool.js";
import { halfOpen } from "./half-open.js";
import { heldSnapshot } from "./held-snapshot.js";
import { hung } from "./hung.js";
import { kill } from "./kill.js";
import { password } from "./password.js";
import { readOnly } from "./read-only.js";
import { restartPostgres } from "./restart-postgres.js";
import { rolling } from "./rolling.js";
import { slowloris } from "./slowloris.js";

/** In the order in which they run. */
export const CASES: readonly ChaosCase[] = [
  kill,
  restartPostgres,
  dropConnections,
  rolling,
  halfOpen,
  hung,
  fillPool,
  readOnly,
  password,
  diskFull,
  walFull,
  heldSnapshot,
  clock,
  slowloris,
  bigBodies,
  badInput,
];
