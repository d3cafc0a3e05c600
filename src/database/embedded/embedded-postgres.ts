import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Beacon, openBeacon } from "./beacon.js";
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

/** A PostgreSQL server that Octogauge starts, or that it shares with another process. */
export interface EmbeddedPostgres {
  readonly url: string;
  /** true where this process started the server, false where it joined one */
  readonly owned: boolean;
  /** The directory of the database files. It differs from the option where root had to choose another. */
  readonly dataDir: string;
  /** Stops an owned server within 40 s. A joined server keeps running. */
  stop(): Promise<void>;
}

/** Options of a start. */
export interface EmbeddedOptions {
  /** Created if missing; relative to the working directory. */
  dataDir: string;
  /** Join the server of another living process instead of failing. */
  join?: boolean;
  /** Listen on this port of 127.0.0.1 as well. For tests, because every user of the machine can connect. */
  loopbackPort?: number;
  /** PostgreSQL settings by name; they override the defaults. */
  settings?: Record<string, string>;
  /** Receives a line for each unusual event. */
  log?: (line: string) => void;
}

interface StartContext {
  readonly dataDir: string;
  readonly placement: Placement;
  readonly options: EmbeddedOptions;
  readonly beacon: Beacon;
  readonly log: (line: string) => void;
}

/** Resolves to null where the owner's server does not answer yet. */
async function joinOwner(context: StartContext, owner: Owner): Promise<EmbeddedPostgres | null> {
  const { dataDir, placement, options } = context;
  if (options.join !== true) {
    const { pid, startedAt } = ownIdentity();
    const problem =
      owner.pid === pid && owner.startedAt === startedAt
        ? `this process already uses ${dataDir}; stop that database`
        : `another Octogauge (pid ${owner.pid}, perhaps in another container) uses ${dataDir}; stop it`;
    throw new Error(`${problem}, or set another DATA_DIR or a DATABASE_URL for this one`);
  }
  const { port, password } = await readState(dataDir);
  if (port === null || password === null) return null;
  const { path: directory, remove } = await shortPathTo(placement.cluster);
  if (await answers({ directory, port, password }))
    return { url: databaseUrl({ directory, port, password }), owned: false, dataDir: placement.home, stop: remove };
  await remove();
  return null;
}

async function prepareCluster(context: StartContext, binaries: Binaries): Promise<string> {
  const { dataDir, placement, log } = context;
  const state = await readState(dataDir);
  const password = state.password ?? randomBytes(24).toString("hex");
  const keepPassword = (): Promise<void> => writeState(dataDir, { password, port: null, owner: null });
  if (!(await hasCluster(placement))) {
    // The password is stored first. A crash in between must not leave a database with an unknown password.
    await keepPassword();
    await createCluster(placement, binaries, password, log);
  } else if (state.password === null) {
    log(`the password of the database in ${placement.home} is missing; setting a new one`);
    await resetPassword(placement, binaries, password);
    await keepPassword();
  }
  return password;
}

async function launch(context: StartContext, directory: string): Promise<{ server: ServerProcess; password: string }> {
  const { dataDir, placement, options, log } = context;
  const binaries = await prepareBinaries(placement.runAs, log);
  for (let attempt = 1; ; attempt += 1) {
    await stopLeftoverServer(placement, log);
    const password = await prepareCluster(context, binaries);
    const { postgres } = binaries;
    try {
      const access = { directory, password };
      const server = await startServer(dataDir, placement, postgres, access, options.settings ?? {}, options.loopbackPort);
      return { server, password };
    } catch (error) {
      const isRetryable = error instanceof ServerEndedEarly && error.isRetryable;
      if (!isRetryable || attempt === START_ATTEMPTS) throw error;
      await sleep(ATTEMPT_PAUSE_MS);
    }
  }
}

async function startOwned(context: StartContext): Promise<EmbeddedPostgres> {
  const short = await shortPathTo(context.placement.cluster);
  try {
    return await startAt(context, short);
  } catch (error) {
    await short.remove();
    throw error;
  }
}

async function startAt(context: StartContext, { path: directory, remove }: ShortPath): Promise<EmbeddedPostgres> {
  const { dataDir, placement, beacon } = context;
  const { server, password } = await launch(context, directory);
  const { port } = server;
  try {
    await writeState(dataDir, { port, password, owner: { ...ownIdentity(), beacon: beacon.id } });
  } catch (error) {
    await server.stop();
    throw error;
  }
  const supervision = new Supervision(server, async () => (await launch(context, directory)).server, context.log);
  const release = async (): Promise<void> => {
    await supervision.stop();
    const state = await readState(dataDir);
    if (state.owner?.beacon === beacon.id) await writeState(dataDir, { ...state, owner: null });
    await beacon.close();
    await remove();
  };
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => (stopping ??= release());
  return { url: databaseUrl({ directory, port, password }), owned: true, dataDir: placement.home, stop };
}

/**
 * Starts the PostgreSQL of `dataDir`, or joins the one that another process runs there. It recovers from a kill at any
 * moment, also during the first start.
 * @throws Error where another process uses the directory, where this platform has no bundled PostgreSQL, or where the
 * server does not start within 60 s (10 min during crash recovery)
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const dataDir = await prepareDataDir(options.dataDir);
  const placement = await choosePlacement(dataDir, log);
  const beacon = await openBeacon(dataDir);
  let isOwner = false;
  try {
    const started = await startOrJoin({ dataDir, placement, options, beacon, log });
    isOwner = started.owned;
    return started;
  } finally {
    if (!isOwner) await beacon.close();
  }
}

async function startOrJoin(context: StartContext): Promise<EmbeddedPostgres> {
  const { dataDir, beacon } = context;
  const deadline = Date.now() + JOIN_LIMIT_MS;
  for (;;) {
    const outcome = await withStartLock(dataDir, beacon, async () => {
      const owner = await livingOwner(dataDir, await readState(dataDir));
      return owner === null ? startOwned(context) : joinOwner(context, owner);
    });
    if (outcome !== null) return outcome;
    if (Date.now() > deadline) {
      throw new Error(`the PostgreSQL in ${dataDir} belongs to a running Octogauge, but does not answer; restart that Octogauge`);
    }
    await sleep(JOIN_POLL_MS);
  }
}
