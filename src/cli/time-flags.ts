/** The flags that mean a time or a duration. Both throw USAGE. */
import { fault, OperationalError } from "../base/errors.ts";
import { parseDuration, parseInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { Io } from "./io.ts";

/** `--at`; without it the present. */
export function parseAt(text: string | undefined, io: Io): Instant {
  if (text === undefined) return io.clock();
  const at = parseInstant(text);
  if (!at.ok) throw OperationalError.of(fault("USAGE", `--at: ${at.fault}`));
  return at.value;
}

/** `--timeout` and its like, one second to one hour, in milliseconds. */
export function parseTimeout(text: string, flag = "--timeout"): number {
  const timeout = parseDuration(text);
  if (!timeout.ok) throw OperationalError.of(fault("USAGE", `${flag}: ${timeout.fault}`));
  if (timeout.value < 1 || timeout.value > 3600) {
    throw OperationalError.of(fault("USAGE", `${flag}: write 1s to 1h`));
  }
  return timeout.value * 1000;
}
