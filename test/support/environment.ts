/** What a child needs to find its programs, and to have our clock where that is shifted by libfaketime. */
const PASSED_ON = /^(PATH|LD_PRELOAD|FAKETIME|DONT_FAKE_MONOTONIC|FAKETIME_DONT_FAKE_MONOTONIC)$/;

/** The environment of a child process of a test: `own`, and nothing that could configure Octogauge by accident. */
export function childEnvironment(own: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))), ...own };
}
