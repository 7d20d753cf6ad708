/**
 * Tells octets that were written from others: after a power cut, on a failing disk. No defence against anybody, and no
 * `node:crypto`, whose loading alone would cost an idle tick a tenth.
 */

/** FNV-1a of 32 bits; `seed` goes on from another, or makes an independent one. */
export function checksum(octets: Uint8Array, seed = 0x811c9dc5): number {
  let sum = seed;
  for (const octet of octets) sum = Math.imul(sum ^ octet, 0x01000193);
  return sum >>> 0;
}

/** The same of a text, by its UTF-16 units: no copy is made. */
export function textChecksum(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}

/** Two of these together: a change that keeps both is as likely as a random number of 64 bits coming twice. */
export function twoChecksums(text: string): readonly [number, number] {
  let [first, second] = [0x811c9dc5, 0x2a5f13c7];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x01000193);
  }
  return [first >>> 0, second >>> 0];
}
