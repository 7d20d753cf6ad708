/** The type bitmaps of NSEC and NSEC3 (RFC 4034 §4.1.2): one bit a type, in windows of 256. */
import { concatBytes } from "../base/bytes.ts";

/** Ascending types of a bitmap (RFC 4034 §4.1.2); null when its windows are out of order, empty or cut short. */
export function decodeTypeBitmap(bitmap: Uint8Array): readonly number[] | null {
  const types: number[] = [];
  let previous = -1;
  for (let at = 0; at < bitmap.length;) {
    const window = bitmap[at] ?? 0;
    const length = bitmap[at + 1] ?? 0;
    if (window <= previous || length < 1 || length > 32 || at + 2 + length > bitmap.length) return null;
    for (let bit = 0; bit < length * 8; bit++) {
      if (((bitmap[at + 2 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) types.push(window * 256 + bit);
    }
    previous = window;
    at += 2 + length;
  }
  return types;
}

/** The bitmap of a set of types, in any order (RFC 4034 §4.1.2). */
export function encodeTypeBitmap(types: readonly number[]): Uint8Array {
  const windows = new Map<number, Uint8Array>();
  for (const type of [...types].sort((left, right) => left - right)) {
    const octet = (type & 0xff) >> 3;
    const before = windows.get(type >> 8) ?? new Uint8Array(0);
    const bits = new Uint8Array(octet + 1);
    bits.set(before);
    bits[octet] = (bits[octet] ?? 0) | (0x80 >> (type & 7));
    windows.set(type >> 8, bits);
  }
  return concatBytes(...[...windows].map(([window, bits]) => concatBytes(Uint8Array.of(window, bits.length), bits)));
}
