import { start } from "../../src/start.js";
import { benchConfig } from "./parts.js";

// The product; MODE selects its components.
const running = await start(benchConfig());
console.log(
  JSON.stringify({
    port: Number(new URL(running.webhookUrl ?? running.managementUrl).port),
    management: Number(new URL(running.managementUrl).port),
  }),
);
