import type { MigrationInterface, QueryRunner } from "typeorm";

/** How deliveries are stored, as a function, so that its statements need not be planned anew for each flush. */
export class AcceptFunction1797200000000 implements MigrationInterface {
  readonly name = "AcceptFunction1797200000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ACCEPT);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

// A call is one transaction: the unique ids and the payloads are stored together or not at all.
// ON CONFLICT waits for a concurrent transaction with the same id, so what is not fresh was committed by somebody.
// least() passes over nulls: what came just now has no time of its own, and no clock of a gateway makes one of the future.
// Plans are made without regard to how many deliveries come: behind OR the sub-select cannot become a join, so it is hashed for 2 and for 2,000.
// A delivery that is accepted another way one day is accepted by a function of another name: versions overlap in a rollout.
const ACCEPT = `
  CREATE FUNCTION octogauge.accept_deliveries(
    ids uuid[], priorities smallint[], events text[], hook_ids bigint[], forms boolean[], projections text[],
    received_ats timestamptz[], traceparents text[], pack_offsets integer[], sizes integer[], pack_bytes bytea
  ) RETURNS SETOF text LANGUAGE plpgsql AS $$
  DECLARE
    fresh uuid[];
    packed bigint;
  BEGIN
    WITH ledger AS (
      INSERT INTO octogauge.delivery_ledger (delivery_id, traceparent)
      SELECT * FROM unnest(ids, traceparents)
      ON CONFLICT DO NOTHING
      RETURNING delivery_id
    )
    SELECT array_agg(delivery_id) INTO fresh FROM ledger;
    IF fresh IS NULL THEN RETURN QUERY SELECT unnest(ids)::text; RETURN; END IF;
    INSERT INTO octogauge.payload_packs (bytes) VALUES (pack_bytes) RETURNING pack INTO packed;
    INSERT INTO octogauge.inbox (priority, delivery_id, event, hook_id, form, projection, received_at, traceparent, pack, pack_offset, bytes)
    SELECT priority, delivery_id, event, hook_id, form, projection, least(received_at, now()), traceparent, packed, pack_offset, bytes
    FROM unnest(ids, priorities, events, hook_ids, forms, projections, received_ats, traceparents, pack_offsets, sizes)
      AS t(delivery_id, priority, event, hook_id, form, projection, received_at, traceparent, pack_offset, bytes)
    WHERE cardinality(fresh) = cardinality(ids) OR delivery_id IN (SELECT unnest(fresh));
    IF cardinality(fresh) < cardinality(ids) THEN RETURN QUERY SELECT unnest(ids)::text EXCEPT SELECT unnest(fresh)::text; END IF;
  END $$`;
