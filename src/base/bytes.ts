/** Octet strings as `Uint8Array`; `Buffer` never appears in a signature of ours. */

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** Lower-case hex without separators. */
export function formatHex(bytes: Uint8Array): string {
  let text = "";
  for (const octet of bytes) text += HEX[octet] ?? "";
  return text;
}

/** Hex in either case, white space allowed anywhere (RFC 6698 §2.2). Null when anything else occurs or a digit is left over. */
export function parseHex(text: string): Uint8Array | null {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return null;
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}

/** Joins octet strings into a new one. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Octet by octet equality. Not constant-time: for secrets use `timingSafeEqual`. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  return true;
}

/** Lexicographic order of unsigned octets, a prefix first: the order of RDATA in RFC 4034 §6.3. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/**
 * One character for each octet, U+0000 to U+00FF, for protocols of lines. `TextDecoder("latin1")` is windows-1252 (so the
 * Encoding Standard; Node obeys from 22 on) and loses octets.
 */
export function textOfOctets(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
