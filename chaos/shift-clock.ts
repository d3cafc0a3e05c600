// Loaded first into a replica (node --import). Shifts the wall clock by CLOCK_SHIFT_MS, but not monotonic time.
const shift = Number(process.env["CLOCK_SHIFT_MS"] ?? 0);
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...values: [] | [number | string | Date]) {
    if (values.length === 0) super(RealDate.now() + shift);
    else super(...(values as [number]));
  }

  static override now(): number {
    return RealDate.now() + shift;
  }
}

globalThis.Date = new Proxy(ShiftedDate, {
  // Date() without new returns a string.
  apply: () => new ShiftedDate().toString(),
}) as unknown as DateConstructor;
