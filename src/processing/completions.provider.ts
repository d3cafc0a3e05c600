import type { FactoryProvider } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import type { Completions } from "../ci-traces/completions.js";

/** Injection token of a factory for the {@link Completions} of a batch; undefined with CI_TRACES=off. */
export const COMPLETIONS = Symbol("COMPLETIONS");

export type NewCompletions = (() => Completions) | undefined;

/** Loads the module only with CI_TRACES=on. */
export const completionsProvider: FactoryProvider<NewCompletions> = {
  provide: COMPLETIONS,
  inject: [CONFIG],
  useFactory: async (config: Config) => {
    if (config.CI_TRACES === "off") return undefined;
    const module = await import("../ci-traces/completions.js");
    return () => new module.Completions(config.CI_TRACES_SETTLE);
  },
};
