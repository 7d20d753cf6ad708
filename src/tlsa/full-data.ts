import { createHash } from "node:crypto";

/**
 * SHA-256 (lower-case hex) of the association data of a Full(0) record given as hex, so that a record with the whole
 * certificate or key can be compared with digests (RFC 6698 §2.1.3).
 */
export function fullDataSha256(hex: string): string {
  return createHash("sha256").update(hex, "hex").digest("hex");
}
