const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const EVENT = /^[a-z][a-z0-9_]{0,63}$/;
const HOOK_ID = /^\d{1,18}$/;

/** Checks `X-GitHub-Delivery`, in lower case. */
export const isDeliveryId = (text: string): boolean => GUID.test(text);

/** Checks `X-GitHub-Event`. */
export const isEventName = (text: string): boolean => EVENT.test(text);

/** Reads `X-GitHub-Hook-ID`; undefined if it is not an id. */
export const hookIdOf = (text: string): number | undefined =>
  HOOK_ID.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
