/** Big-endian integers in octet strings. Callers check lengths first: octets past the end read as 0. */

/** Unsigned 16-bit integer at `at`. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Unsigned 32-bit integer at `at`. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 0x10000 + readUint16(bytes, at + 2);
}

/** Unsigned 48-bit integer at `at` (the time of a TSIG, RFC 8945 §4.2). */
export function readUint48(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 2);
}

/** The low 16 bits of `value`. */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 0xff, value & 0xff);
}

/** The low 32 bits of `value`. */
export function uint32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** The low 48 bits of a non-negative safe integer. */
export function uint48(value: number): Uint8Array {
  const high = Math.floor(value / 0x1_0000_0000);
  return Uint8Array.of((high >>> 8) & 0xff, high & 0xff, ...uint32(value % 0x1_0000_0000));
}
