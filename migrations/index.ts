import { InitialSchema1795000000000 } from "./1795000000000-initial-schema.js";
import { Retries1795300000000 } from "./1795300000000-retries.js";
import { Repair1795600000000 } from "./1795600000000-repair.js";
import { Fairness1796000000000 } from "./1796000000000-fairness.js";
import { Traceparent1796300000000 } from "./1796300000000-traceparent.js";
import { CiTraces1796600000000 } from "./1796600000000-ci-traces.js";
import { PayloadPacks1796900000000 } from "./1796900000000-payload-packs.js";
import { AcceptFunction1797200000000 } from "./1797200000000-accept-function.js";
import { Tallies1797500000000 } from "./1797500000000-tallies.js";
import { BegunBatches1797800000000 } from "./1797800000000-begun-batches.js";
import { Executions1798100000000 } from "./1798100000000-executions.js";

/** In order of execution. Listed by hand, because a build has no directory to scan. */
export const migrations = [
  InitialSchema1795000000000,
  Retries1795300000000,
  Repair1795600000000,
  Fairness1796000000000,
  Traceparent1796300000000,
  CiTraces1796600000000,
  PayloadPacks1796900000000,
  AcceptFunction1797200000000,
  Tallies1797500000000,
  BegunBatches1797800000000,
  Executions1798100000000,
];
