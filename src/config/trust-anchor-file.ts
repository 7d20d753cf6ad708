/**
 * The file of trust anchors that `[dnssec] trust_anchors` and `--trust-anchor` name. Its forms are those of
 * {@link parseTrustAnchors}. A file that cannot be read or understood stops the program: to go on with the built-in
 * anchors would validate from a root that the administrator has replaced.
 */
import { OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { parseTrustAnchors } from "../dnssec/anchors.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { MOST_CREDENTIALS, readBoundedFile } from "./bounded-file.ts";

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
    // The parser's own limit is lower, and its refusal says more.
    octets = readBoundedFile(path, MOST_CREDENTIALS);
  } catch (error) {
    throw unreadable(path, error);
  }
  const anchors = parseTrustAnchors(new TextDecoder().decode(octets), { source: path, at });
  if (!anchors.ok) throw OperationalError.of(anchors.fault);
  return anchors.value;
}
