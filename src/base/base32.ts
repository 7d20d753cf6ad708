/** Base 32 with the extended hex alphabet, whose text sorts as the octets do (RFC 4648 §7): the labels of NSEC3. */

const ALPHABET = "0123456789abcdefghijklmnopqrstuv";

/** Lower case, without padding (RFC 5155 §3.3). */
export function encodeBase32Hex(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let pending = 0;
  for (const octet of bytes) {
    pending = ((pending << 8) | octet) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(pending >>> (bits - 5)) & 0x1f] ?? "";
  }
  return bits === 0 ? text : text + (ALPHABET[(pending << (5 - bits)) & 0x1f] ?? "");
}

/** Text without padding in either case. Null for other characters, and for bits at the end that are no octet's. */
export function decodeBase32Hex(text: string): Uint8Array | null {
  const bytes = new Uint8Array((text.length * 5) >>> 3);
  let bits = 0;
  let pending = 0;
  let at = 0;
  for (const character of text) {
    const digit = /^[0-9a-vA-V]$/.test(character) ? Number.parseInt(character, 32) : -1;
    if (digit < 0) return null;
    pending = ((pending << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (pending >>> bits) & 0xff;
  }
  // Five bits or more are a whole character too many; fewer must be zero, or two texts would stand for the same octets.
  return bits >= 5 || (pending & ((1 << bits) - 1)) !== 0 ? null : bytes;
}
