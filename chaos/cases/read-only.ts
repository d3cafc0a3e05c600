import type { ChaosCase } from "../case.js";

async function setReadOnly({ postgres }: Parameters<ChaosCase["run"]>[0], value: "on" | "off"): Promise<void> {
  await postgres.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
  await postgres.query("SELECT pg_reload_conf()");
}

export const readOnly: ChaosCase = {
  name: "read-only",
  what: "the server refuses writes (default_transaction_read_only), like after a failover",
  seconds: 10,
  run: (stage, seconds) =>
    stage.outage(
      seconds,
      () => setReadOnly(stage, "on"),
      async () => {
        await setReadOnly(stage, "off");
        await stage.postgres.writable();
      },
    ),
};
