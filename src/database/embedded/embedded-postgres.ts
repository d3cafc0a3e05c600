import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Beacon, lightBeacon } from "./beacon.js";
import { type Binaries, prepareBinaries } from "./binaries.js";
import { createCluster, hasCluster, resetPassword } from "./cluster.js";
import { answers, databaseUrl } from "./connection.js";
import { stopLeftoverServer } from "./leftover-server.js";
import { livingOwner, type Owner, readState, withStartLock, writeState } from "./ownership.js";
import { choosePlacement, type Placement, prepareDataDir } from "./placement.js";
import { ownIdentity } from "./processes.js";
import { ServerEndedEarly, type ServerProcess, startServer } from "./server.js";
import { type ShortPath, shortPathTo } from "./short-path.js";
import { Supervision } from "./supervision.js";

const JOIN_LIMIT_MS = 15_000;
const JOIN_POLL_MS = 200;
const START_ATTEMPTS = 5;
const ATTEMPT_PAUSE_MS = 500;

/** A PostgreSQL of Octogauge's own. */
export interface EmbeddedPostgres {
  readonly url: string;
  /** true if this process started it, false if it joined one */
  readonly owned: boolean;
  /** Where the database files are: the asked directory, unless root had to move them. */
  readonly dataDir: string;
  /** Stops an owned server in good order, within 40 s; leaves a joined one alone. */
  stop(): Promise<void>;
}

/** How to start. */
export interface EmbeddedOptions {
  /** Created if missing; relative to the working directory. */
  dataDir: string;
  /** join a server that another living process owns instead of failing */
  join?: boolean;
  /** also listen there on 127.0.0.1, which any user of the machine reaches: for tests */
  loopbackPort?: number;
  /** PostgreSQL settings that override the defaults, by name. */
  settings?: Record<string, string>;
  /** Receives plain lines about anything unusual. */
  log?: (line: string) => void;
}

interface Job {
  readonly dataDir: string;
  readonly placement: Placement;
  readonly options: EmbeddedOptions;
  readonly beacon: Beacon;
  readonly log: (line: string) => void;
}

/** Resolves to null when the owner's server does not answer, or not yet. */
async function joinOwner(job: Job, owner: Owner): Promise<EmbeddedPostgres | null> {
  const { dataDir, placement, options } = job;
  if (options.join !== true) {
    const { pid, startedAt } = ownIdentity();
    const who =
      owner.pid === pid && owner.startedAt === startedAt
        ? `this process already uses ${dataDir}; stop that database`
        : `another Octogauge (pid ${owner.pid}, perhaps of another container) uses ${dataDir}; stop it`;
    throw new Error(`${who}, or give this one another DATA_DIR or a DATABASE_URL`);
  }
  const { port, password } = await readState(dataDir);
  if (port === null || password === null) return null;
  const { path: directory, remove } = await shortPathTo(placement.cluster);
  if (await answers({ directory, port, password }))
    return { url: databaseUrl({ directory, port, password }), owned: false, dataDir: placement.home, stop: remove };
  await remove();
  return null;
}

async function prepareCluster(job: Job, binaries: Binaries): Promise<string> {
  const { dataDir, placement, log } = job;
  const state = await readState(dataDir);
  const password = state.password ?? randomBytes(24).toString("hex");
  const keepPassword = (): Promise<void> => writeState(dataDir, { password, port: null, owner: null });
  if (!(await hasCluster(placement))) {
    // Kept before it is needed: a crash in between must not leave a locked database.
    await keepPassword();
    await createCluster(placement, binaries, password, log);
  } else if (state.password === null) {
    log(`the password of the database in ${placement.home} was lost; it gets a new one`);
    await resetPassword(placement, binaries, password);
    await keepPassword();
  }
  return password;
}

async function launch(job: Job, directory: string): Promise<{ server: ServerProcess; password: string }> {
  const { dataDir, placement, options, log } = job;
  const binaries = await prepareBinaries(placement.runAs, log);
  for (let attempt = 1; ; attempt += 1) {
    await stopLeftoverServer(placement, log);
    const password = await prepareCluster(job, binaries);
    const { postgres } = binaries;
    try {
      const access = { directory, password };
      const server = await startServer(dataDir, placement, postgres, access, options.settings ?? {}, options.loopbackPort);
      return { server, password };
    } catch (error) {
      const passes = error instanceof ServerEndedEarly && error.mayPass;
      if (!passes || attempt === START_ATTEMPTS) throw error;
      await sleep(ATTEMPT_PAUSE_MS);
    }
  }
}

async function startOwned(job: Job): Promise<EmbeddedPostgres> {
  const short = await shortPathTo(job.placement.cluster);
  try {
    return await startAt(job, short);
  } catch (error) {
    await short.remove();
    throw error;
  }
}

async function startAt(job: Job, { path: directory, remove }: ShortPath): Promise<EmbeddedPostgres> {
  const { dataDir, placement, beacon } = job;
  const { server, password } = await launch(job, directory);
  const { port } = server;
  try {
    await writeState(dataDir, { port, password, owner: { ...ownIdentity(), beacon: beacon.id } });
  } catch (error) {
    await server.stop();
    throw error;
  }
  const supervision = new Supervision(server, async () => (await launch(job, directory)).server, job.log);
  const release = async (): Promise<void> => {
    await supervision.stop();
    const state = await readState(dataDir);
    if (state.owner?.beacon === beacon.id) await writeState(dataDir, { ...state, owner: null });
    await beacon.putOut();
    await remove();
  };
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => (stopping ??= release());
  return { url: databaseUrl({ directory, port, password }), owned: true, dataDir: placement.home, stop };
}

/**
 * Starts the PostgreSQL that keeps its data in `dataDir`, or joins the one that another
 * process runs there. Recovers by itself from a kill at any moment, including one during
 * the very first start.
 * @throws Error that says what to do, when another process uses the directory, when this
 * platform has no bundled PostgreSQL, or when it does not start: within 60 s, or 10 min
 * while it recovers from a crash.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const dataDir = await prepareDataDir(options.dataDir);
  const placement = await choosePlacement(dataDir, log);
  const beacon = await lightBeacon(dataDir);
  let isOwner = false;
  try {
    const started = await startOrJoin({ dataDir, placement, options, beacon, log });
    isOwner = started.owned;
    return started;
  } finally {
    if (!isOwner) await beacon.putOut();
  }
}

async function startOrJoin(job: Job): Promise<EmbeddedPostgres> {
  const { dataDir, beacon } = job;
  const deadline = Date.now() + JOIN_LIMIT_MS;
  for (;;) {
    const outcome = await withStartLock(dataDir, beacon, async () => {
      const owner = await livingOwner(dataDir, await readState(dataDir));
      return owner === null ? startOwned(job) : joinOwner(job, owner);
    });
    if (outcome !== null) return outcome;
    if (Date.now() > deadline) {
      throw new Error(`the PostgreSQL in ${dataDir} belongs to a running Octogauge, but is down; restart that one`);
    }
    await sleep(JOIN_POLL_MS);
  }
}
