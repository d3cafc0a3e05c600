import "reflect-metadata";
import { Logger } from "@nestjs/common";
import { projectionOf } from "../../src/events/project.js";
import { benchConfig, listenBefore } from "./parts.js";

// The same server with the database call removed.
Logger.overrideLogger(false);
await listenBefore(
  {
    accept: async ({ event, form, body }) => {
      projectionOf(event, form, body);
      return "accepted";
    },
  },
  benchConfig(),
);
