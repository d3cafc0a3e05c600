import type { ChaosCase } from "../case.js";
import { SERVICE } from "../postgres.js";

export const password: ChaosCase = {
  name: "password",
  what: "the password of the role changes and its connections are terminated; then the old password is restored",
  seconds: 8,
  run(stage, seconds) {
    const setPassword = (text: string) => stage.postgres.query(`ALTER ROLE ${SERVICE.name} PASSWORD '${text}'`);
    return stage.outage(
      seconds,
      async () => {
        await setPassword("another");
        await stage.postgres.dropConnections();
      },
      async () => void (await setPassword(SERVICE.password)),
    );
  },
};
