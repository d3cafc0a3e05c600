import type { ChaosCase } from "../case.js";

export const halfOpen: ChaosCase = {
  name: "half-open",
  what: "TCP to the database goes half-open: accepted and kept, nothing forwarded, no FIN, no RST; old connections stay dead",
  seconds: 15,
  needs: { proxy: true },
  run: (stage, seconds) =>
    stage.outage(
      seconds,
      () => stage.proxy?.cut(),
      () => stage.proxy?.restore(),
    ),
};
