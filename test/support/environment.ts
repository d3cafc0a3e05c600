/** Variables for finding programs, and for the shifted clock of libfaketime. */
const PASSED_ON = /^(PATH|LD_PRELOAD|FAKETIME|DONT_FAKE_MONOTONIC|FAKETIME_DONT_FAKE_MONOTONIC)$/;

/** The environment of a test's child process: `own`, without variables that could configure Octogauge by accident. */
export function childEnvironment(own: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))), ...own };
}
