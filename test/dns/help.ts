import { parseHex } from "../../src/base/bytes.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { Result } from "../../src/base/result.ts";

/** The value of a Result that a test takes for granted. */
export function value<T, F>(result: Result<T, F>): T {
  if (!result.ok) throw new Error(`expected success, got ${JSON.stringify(result.fault)}`);
  return result.value;
}

/** A name that a test takes for granted. */
export function name(text: string): DomainName {
  return value(parseName(text));
}

/** Octets of hex that a test takes for granted. */
export function hex(text: string): Uint8Array {
  const octets = parseHex(text);
  if (octets === null) throw new Error(`not hex: ${text}`);
  return octets;
}

/** All proper prefixes. */
export function truncations(bytes: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: bytes.length }, (_, length) => bytes.slice(0, length));
}
