import { Inject, Injectable } from "@nestjs/common";
import { Broker } from "../../buffer/broker.js";
import { GAUGES } from "../../counters/index.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";

/** What waits in the buffer, as the broker says. */
@Injectable()
export class BufferCollector implements Collector {
  readonly name = "buffer";

  constructor(@Inject(Broker) private readonly broker: Broker | undefined) {}

  async collect(): Promise<readonly CollectedFamily[]> {
    if (!this.broker) return [];
    const pending = new Samples(GAUGES.bufferPending);
    pending.set([], await this.broker.pending());
    return [pending.collected()];
  }
}
