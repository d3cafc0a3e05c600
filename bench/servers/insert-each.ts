import "reflect-metadata";
import { Logger } from "@nestjs/common";
import pg from "pg";
import { acceptBatch } from "../../src/intake/accept.sql.js";
import { projectionOf } from "../../src/events/project.js";
import { benchConfig, listenBefore } from "./parts.js";

// The same server with one INSERT and commit per request, over a pool of 10.
Logger.overrideLogger(false);
const config = benchConfig();
const pool = new pg.Pool({ connectionString: config.DATABASE_URL, max: 10 });
await listenBefore(
  {
    accept: async (delivery) => {
      const projection = projectionOf(delivery.event, delivery.form, delivery.body);
      return (await acceptBatch(pool, [{ delivery, projection, priority: 0 }])).size === 0 ? "accepted" : "duplicate";
    },
  },
  config,
);
