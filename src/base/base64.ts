/** Base 64, without the leniency of `Buffer`. */

/** Strict RFC 4648 §4: alphabet, padding, no stray bits at the end; null for anything else. */
export function decodeBase64(text: string): Uint8Array | null {
  const trimmed = text.trim();
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(trimmed)) return null;
  const bytes = Buffer.from(trimmed, "base64");
  return bytes.toString("base64") === trimmed ? new Uint8Array(bytes) : null;
}
