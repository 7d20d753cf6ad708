/**
 * acmetool runs every program in its hooks folder for every event: the first argument is the event, `ACME_STATE_DIR` the
 * state directory. `live-updated` has the names of the changed links of `live/` on standard input, one a line (SCHEMA.md,
 * "Hooks").
 *
 * The other events ask for a challenge to be set up, and exit code 0 says that it is: those are declined with the code
 * that means "not mine", 42. One link is one note, since each may be the `source` of a certificate.
 */
import { join } from "node:path";
import { isName, MOST_NAMES, renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

const UNSUPPORTED_EVENT = 42;
const DEFAULT_STATE_DIRECTORY = "/var/lib/acme";

/** Reads acmetool's arguments and standard input. */
export async function readAcmetoolCall(call: HookCall): Promise<HookOutcome> {
  const [event] = call.args;
  if (event === undefined) return { kind: "unclear", reason: 'no event is given: call it with "$@"' };
  if (event !== "live-updated") return { kind: "declined", code: UNSUPPORTED_EVENT, reason: null };
  const state = call.env["ACME_STATE_DIR"] ?? DEFAULT_STATE_DIRECTORY;
  const names = (await call.input()).split(/\r?\n/).filter((name) => isName(name) && !/^\.+$/.test(name));
  if (names.length === 0) return { kind: "unclear", reason: "no names of changed links on standard input" };
  const notes = [];
  for (const name of new Set(names.slice(0, MOST_NAMES))) {
    const outcome = renewed(call, {
      client: "acmetool",
      from: "ACME_STATE_DIR",
      path: join(state, "live", name),
      base: null,
      otherwise: "not called by acmetool",
      domains: [name],
    });
    if (outcome.kind !== "renewed") return outcome;
    notes.push(...outcome.notes);
  }
  return { kind: "renewed", notes };
}
