/**
 * The file of trust anchors that `[dnssec] trust_anchors` and `--trust-anchor` name. Its forms are those of
 * {@link parseTrustAnchors}. A file that cannot be read or understood stops the program: to go on with the built-in
 * anchors would validate from a root that the administrator has replaced.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { parseTrustAnchors } from "../dnssec/anchors.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";

/** Octets that are read at most; the parser refuses files above its own, lower limit. */
const MOST_OCTETS = 2_097_152;

/** Reads with a bound, so that a device or a pipe without end does no harm. */
function readBounded(path: string): Uint8Array {
  const octets = new Uint8Array(MOST_OCTETS);
  const file = openSync(path, "r");
  try {
    let length = 0;
    for (let got = -1; got !== 0 && length < MOST_OCTETS; length += got) {
      got = readSync(file, octets, length, MOST_OCTETS - length, null);
    }
    return octets.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

function unreadable(path: string, error: unknown): OperationalError {
  const system = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const options = { retry: "never", cause: error } as const;
  const what = `the trust anchor file ${path}`;
  if (system === "ENOENT") return new OperationalError("FILE_NOT_FOUND", `${what} is missing`, options);
  if (system === "EACCES" || system === "EPERM") {
    return new OperationalError("PERMISSION_DENIED", `${what} may not be read by this user`, options);
  }
  const why = system === "EISDIR" ? "it is a directory" : error instanceof Error ? error.message : String(error);
  return new OperationalError("FILE_UNREADABLE", `${what} cannot be read: ${why}`, options);
}

/**
 * The trust anchors of a file that may be used at `at`. Throws FILE_NOT_FOUND, PERMISSION_DENIED, FILE_UNREADABLE, and
 * TRUST_ANCHOR_INVALID with path, line and column.
 */
export function readTrustAnchorFile(path: string, at: Instant): TrustAnchors {
  let octets: Uint8Array;
  try {
    octets = readBounded(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  const anchors = parseTrustAnchors(new TextDecoder().decode(octets), { source: path, at });
  if (!anchors.ok) throw OperationalError.of(anchors.fault);
  return anchors.value;
}
