/**
 * A part of a file name that nobody else on this host takes: process id and nanoseconds since boot. Files made under it
 * are opened exclusively all the same. Chance would do too, but loading `node:crypto` costs an idle tick a tenth.
 */
export function freshName(): string {
  return `${process.pid.toString(36)}-${process.hrtime.bigint().toString(36)}`;
}
