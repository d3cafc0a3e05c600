/** A parser of the configuration refuses a value. The message lists the allowed values, and never quotes a secret. */
export class RefusedValue extends Error {}
