/** Thrown by a parser of the configuration: its message says what is wrong with the value, and never quotes a secret. */
export class RefusedValue extends Error {}
