import { asObject, type JsonObject } from "../../../src/simulator/reading.js";
import type { LogEntry } from "./schemas.js";

/** An event as the bytes of a webhook, for example a `SimulatedDelivery`. */
export interface Delivery {
  readonly deliveryId: string;
  readonly event: string;
  /** Unused: the delivering hook has its own id. */
  readonly hookId?: number;
  readonly body: string | Buffer;
}

/** The body as JSON, or undefined: invalid bodies are delivered too. */
export function payloadOf({ body }: Delivery): JsonObject | undefined {
  try {
    return asObject(JSON.parse(body.toString()));
  } catch {
    return undefined;
  }
}

/** A log entry with its delivery, which a redelivery sends again. Repeated attempts share the delivery. */
export interface LogRecord {
  readonly entry: LogEntry;
  readonly delivery: Delivery;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** The first id of the next page. */
  readonly next: number | undefined;
}

/** The deliveries of one hook, in the order of their ids. */
export class DeliveryLog {
  readonly #records: LogRecord[] = [];
  readonly #guids = new Set<string>();

  append(record: LogRecord): void {
    this.#records.push(record);
    this.#guids.add(record.delivery.deliveryId);
  }

  /** Whether an entry has this GUID. Then another one is a redelivery. */
  has(guid: string): boolean {
    return this.#guids.has(guid);
  }

  /** All entries, oldest first. */
  get entries(): readonly LogEntry[] {
    return this.#records.map((record) => record.entry);
  }

  find(id: number): LogRecord | undefined {
    const record = this.#records[this.#position(id)];
    return record?.entry.id === id ? record : undefined;
  }

  /**
   * A page of the entries that match `shown`, newest first.
   * @param from the first id, by default the newest
   * @returns undefined if no entry has that id
   */
  page(size: number, from: number | undefined, shown: (entry: LogEntry) => boolean): LogPage | undefined {
    let at = this.#records.length - 1;
    if (from !== undefined) {
      if (!this.find(from)) return undefined;
      at = this.#position(from);
    }
    const entries: LogEntry[] = [];
    for (; at >= 0; at--) {
      const entry = this.#records[at]?.entry;
      if (!entry || !shown(entry)) continue;
      if (entries.length === size) return { entries, next: entry.id };
      entries.push(entry);
    }
    return { entries, next: undefined };
  }

  /** The position of an id, by binary search, because a log may have 50,000 entries and each page needs it. */
  #position(id: number): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle]?.entry.id ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
