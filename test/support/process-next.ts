import type { BatchProcessor } from "../../src/processing/batch-processor.js";
import type { Queue } from "../../src/queue/queue.js";

/** Processes a batch from anywhere in the inbox, including rows behind the cursor. @returns 0 if the inbox is empty */
export async function processNext(processor: BatchProcessor, queue: Queue, worker: string): Promise<number> {
  const { count } = await processor.processBatch(worker);
  if (count > 0) return count;
  queue.requestFullScan();
  return (await processor.processBatch(worker)).count;
}
