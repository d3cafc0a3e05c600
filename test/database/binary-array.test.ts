import { expect, it } from "vitest";
import { int8Array, textArray, timestamptzArray, uuidArray } from "../../src/database/binary-array.js";
import { freshDatabase, rowsOf } from "../support/database.js";

it("the server decodes binary arrays to the encoded values", async () => {
  const url = await freshDatabase();
  const read = async (type: string, array: Buffer) =>
    (await rowsOf<{ value: string | null }>(url, `SELECT u::text AS value FROM unnest($1::${type}[]) AS u`, [array])).map(
      ({ value }) => value,
    );
  const whole = [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    -(2 ** 32),
    2 ** 32 - 1,
    -(2 ** 32) - 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ];
  expect(await read("bigint", int8Array([...whole, null, 2n ** 63n - 1n, -(2n ** 63n)]))).toEqual([
    ...whole.map(String),
    null,
    "9223372036854775807",
    "-9223372036854775808",
  ]);
  const ids = ["00000000-0000-0000-0000-000000000001", "f47ac10b-58cc-1372-8567-0e02b2c3d479", "ffffffff-ffff-ffff-ffff-ffffffffffff"];
  expect(await read("uuid", uuidArray(ids))).toEqual(ids);
  expect(await read("uuid", uuidArray([]))).toEqual([]);
  expect(await read("text", textArray(["", "a", null, "é\n😀"]))).toEqual(["", "a", null, "é\n😀"]);
  expect(() => uuidArray([ids[0]!, "no id", ids[1]!])).toThrow(/UUID/);
  const times = [0, 946_684_800_000, 1_795_952_038_168.438, -86_400_000, -0.25, 0.0004, null];
  const microseconds = await rowsOf<{ value: string | null }>(
    url,
    "SELECT (extract(epoch FROM u) * 1000000)::bigint::text AS value FROM unnest($1::timestamptz[]) AS u",
    [timestamptzArray(times)],
  );
  expect(microseconds.map(({ value }) => value)).toEqual(["0", "946684800000000", "1795952038168438", "-86400000000", "-250", "0", null]);
});
