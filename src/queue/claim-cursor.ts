import { LANES } from "../intake/index.js";
import type { InboxKey } from "./claim.sql.js";

/** Full scans take at most this share of the time. */
const FULL_SCAN_SHARE = 1 / 50;
/** The longest pause is also the longest wait of a late commit. */
const FULL_SCAN_PAUSE_MS = { least: 250, most: 15_000 };

/** Where a claim starts in each of LANES. */
export interface ClaimPosition {
  /** The lowest sequence number to look at, by lane. */
  readonly floors: readonly number[];
  /** Whether the claim starts at the beginning of every lane. */
  readonly isFullScan: boolean;
  /** Calls of requestFullScan() so far. */
  readonly requests: number;
}

/**
 * Remembers up to which sequence number this process has claimed, in each lane. Claimed rows stay in the index until VACUUM removes
 * them. An open snapshot prevents that. A claim that walks over 600,000 such rows takes a third of a second (bench/NOTES.md).
 * A full scan finds rows before the cursor: late commits, and rows that another worker gave back.
 */
export class ClaimCursor {
  readonly #floors = new Map<number, number>();
  #fullScanAtMs = Number.NEGATIVE_INFINITY;
  #requests = 0;

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  /** Where the next claim starts. */
  next(): ClaimPosition {
    const isFullScan = this.nowMs() >= this.#fullScanAtMs;
    // Until claimed() sets the time of the next full scan, no other loop of this process starts one.
    if (isFullScan) this.#fullScanAtMs = this.nowMs() + FULL_SCAN_PAUSE_MS.most;
    return { floors: LANES.map((lane) => (isFullScan ? 0 : (this.#floors.get(lane) ?? 0))), isFullScan, requests: this.#requests };
  }

  /**
   * Moves the cursor past the claimed rows.
   * @param isPart whether the claim was cut short, so that rows before the old cursor may still be unclaimed
   */
  claimed({ isFullScan, requests }: ClaimPosition, rows: readonly InboxKey[], tookMs: number, isPart: boolean): void {
    if (isFullScan) {
      const { least, most } = FULL_SCAN_PAUSE_MS;
      // A request during this scan stays: the scan may have passed the rows that were put back.
      if (requests === this.#requests) this.#fullScanAtMs = this.nowMs() + Math.min(most, Math.max(least, tookMs / FULL_SCAN_SHARE));
      // The next claim continues where this full scan stopped.
      if (isPart) for (const { priority } of rows) this.#floors.delete(priority);
    }
    for (const { priority, seq } of rows) this.#floors.set(priority, Math.max(this.#floors.get(priority) ?? 0, Number(seq) + 1));
  }

  /** Makes the next claim a full scan, for example since a rollback has put rows back. */
  requestFullScan(): void {
    this.#requests += 1;
    this.#fullScanAtMs = Number.NEGATIVE_INFINITY;
  }
}
