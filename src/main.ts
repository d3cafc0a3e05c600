import { loadConfig } from "./config/index.js";
import { runCommand } from "./cli/run.js";
import { serve } from "./cli/serve.js";

// The service without the command line, as `nest start` runs it.
await runCommand(() => serve(loadConfig(process.env)));
