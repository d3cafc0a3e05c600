import { type Attributes, type Context, type Link, type SpanKind, trace } from "@opentelemetry/api";
import { type Sampler, SamplingDecision, type SamplingResult } from "@opentelemetry/sdk-trace";
import { isSampled } from "./traceparent.js";

/**
 * What is done for many deliveries at once has a trace of its own, with links to theirs. It is sampled where one of them is:
 * decided anew, a delivery that is traced would link to nothing.
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
