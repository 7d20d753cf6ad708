/**
 * certbot's deploy hook: `RENEWED_LINEAGE` is the folder `live/NAME`, `RENEWED_DOMAINS` its names, separated by blanks.
 *
 * certbot shows a failing hook to nobody (`certbot renew -q` ends with 0), never calls one again, and leaks
 * `RENEWED_LINEAGE` into later hooks of other kinds. So the hook only leaves a note: that there *may* be something new.
 * Seen with certbot 2.1.0, 4.0.0 and 5.5.0.
 */
import { renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

/** Reads certbot's environment. */
export function readCertbotCall(call: HookCall): HookOutcome {
  return renewed(call, {
    client: "certbot",
    from: "RENEWED_LINEAGE",
    path: call.env["RENEWED_LINEAGE"],
    base: null,
    otherwise: "not called by certbot as a deploy hook",
    domains: (call.env["RENEWED_DOMAINS"] ?? "").split(/\s+/),
  });
}
