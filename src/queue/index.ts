// Public interface of this room: taking a batch from the inbox.
export { BatchJournal } from "./batch-journal.js";
export { type Claimed, claimOne, COLUMNS, type InboxKey, THOSE_OF_KEYS } from "./claim.sql.js";
export { claimedFields } from "./claimed-fields.js";
export { EMPTY_BATCH, Queue } from "./queue.js";
