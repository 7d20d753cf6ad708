/** A broken promise of our own code: never caught below the command line, exit code 70, asks for a report. */
export class Bug extends Error {
  override readonly name = "Bug";
}

/** Throws {@link Bug} unless `condition` holds. For what our own code guarantees, never for input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Closes a `switch` over a union: a new variant becomes a compile error, a stray value a {@link Bug}. */
export function assertNever(value: never): never {
  throw new Bug(`unexpected variant ${JSON.stringify(value)}`);
}
