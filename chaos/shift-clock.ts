// Loaded into a replica before anything else (node --import): its wall clock is off by CLOCK_SHIFT_MS. Monotonic time is not.
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
  // Date() without new is a text.
  apply: () => new ShiftedDate().toString(),
}) as unknown as DateConstructor;
