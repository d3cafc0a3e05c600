import type { ChaosCase } from "../case.js";
import { sleep } from "../waiting.js";

export const heldSnapshot: ChaosCase = {
  name: "held-snapshot",
  what: "an open REPEATABLE READ transaction during the whole run, so that vacuum removes no dead rows",
  seconds: 25,
  needs: { rate: 400 },
  async run({ postgres, notes }, seconds) {
    const holder = await postgres.connect("chaos");
    await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await holder.query("SELECT count(*) FROM octogauge.inbox");
    await sleep(seconds * 1_000);
    const [row] = await postgres.query<{ dead: number }>(
      "SELECT n_dead_tup::int AS dead FROM pg_stat_user_tables WHERE relid = 'octogauge.inbox'::regclass",
      [],
      "chaos",
    );
    notes.push(`${row?.dead} dead rows in the inbox`);
    await holder.query("COMMIT");
    await holder.end();
  },
};
