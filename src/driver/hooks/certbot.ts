/**
 * certbot's deploy hook: `RENEWED_LINEAGE` is the folder `live/NAME`, `RENEWED_DOMAINS` its names, separated by blanks.
 *
 * certbot shows a failing hook to nobody (`certbot renew -q` ends with 0), never calls one again, and leaks
 * `RENEWED_LINEAGE` into later hooks of other kinds. So the hook only leaves a note: that there *may* be something new.
 */
import type { Instant } from "../../base/time.ts";
import { isAbsolute } from "node:path";
import type { SpoolNote } from "../../store/spool.ts";

/** What the environment says about the renewal; a text when this is no call of a deploy hook. */
export function readCertbotCall(env: Readonly<Record<string, string | undefined>>, at: Instant): SpoolNote | string {
  const lineage = env["RENEWED_LINEAGE"] ?? "";
  if (lineage === "") return "RENEWED_LINEAGE is not set: not called by certbot as a deploy hook";
  if (!isAbsolute(lineage)) return `RENEWED_LINEAGE is "${lineage}", not an absolute path`;
  const domains = (env["RENEWED_DOMAINS"] ?? "").split(/\s+/).filter((name) => name !== "");
  return { client: "certbot", at, source: lineage, domains };
}
