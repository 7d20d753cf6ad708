/** DNS messages on a stream: each behind its length in two octets (RFC 1035 §4.2.2). */
import { concatBytes } from "../base/bytes.ts";
import { uint16 } from "../dns/wire.ts";

/** Length and message in one piece, so that they leave in one segment (RFC 7766 §8). */
export function frameMessage(message: Uint8Array): Uint8Array {
  return concatBytes(uint16(message.length), message);
}

/**
 * Cuts a stream into messages, however it arrives. Each octet is copied once, so that a peer who sends single octets
 * costs no more than one who sends segments. What follows the last whole message is kept for the next call.
 */
export function createFramer(onMessage: (message: Uint8Array) => void): (chunk: Uint8Array) => void {
  let length = 0;
  let lengthOctets = 0;
  let message = new Uint8Array(0);
  let filled = 0;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (lengthOctets < 2) {
        length = (length << 8) | (chunk[at] ?? 0);
        lengthOctets += 1;
        at += 1;
        if (lengthOctets < 2) continue;
        message = new Uint8Array(length);
        filled = 0;
      }
      const part = chunk.subarray(at, at + length - filled);
      message.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < length) continue;
      length = 0;
      lengthOctets = 0;
      onMessage(message);
    }
  };
}
