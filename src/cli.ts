#!/usr/bin/env node
import { program } from "./cli/program.js";
import { runCommand } from "./cli/run.js";

await runCommand(() => program.parseAsync());
