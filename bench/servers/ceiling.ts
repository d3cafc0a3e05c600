import "reflect-metadata";
import { Logger } from "@nestjs/common";
import { prune } from "../../src/inbox/projection/prune.js";
import { benchConfig, listenBefore } from "./parts.js";

// The same server with the database call removed.
Logger.overrideLogger(false);
await listenBefore(
  {
    accept: async ({ event, form, body }) => {
      prune(event, form, body);
      return "accepted";
    },
  },
  benchConfig(),
);
