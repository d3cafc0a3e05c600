import { type Attributes, type Context, type Link, type SpanKind, trace } from "@opentelemetry/api";
import { type Sampler, SamplingDecision, type SamplingResult } from "@opentelemetry/sdk-trace";
import { isSampled } from "./traceparent.js";

/**
 * Work for a batch has its own trace, with links to the traces of the deliveries. It is sampled if one of them is sampled, so that
 * no link of a sampled trace is empty.
 */
export class BatchSampler implements Sampler {
  constructor(private readonly others: Sampler) {}

  shouldSample(context: Context, traceId: string, name: string, kind: SpanKind, attributes: Attributes, links: Link[]): SamplingResult {
    if (!trace.getSpanContext(context) && links.some((link) => isSampled(link.context)))
      return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    return this.others.shouldSample(context, traceId, name, kind, attributes, links);
  }

  toString(): string {
    return `BatchSampler{${this.others.toString()}}`;
  }
}
