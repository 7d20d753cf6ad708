/**
 * uacme has no hook for a renewal; its exit code says it: 0 issued, 1 not due, 2 failed (uacme(1), "EXIT STATUS"). So
 * `uacme issue NAME && daneward hook uacme NAME`, where NAME is the folder below `/etc/ssl/uacme` (a wildcard's star
 * is not part of it), or the path of a certificate or of its folder where `-c` says otherwise.
 *
 * What uacme calls a hook sets up challenges, and exit code 0 accepts one: a call like that is declined.
 */
import { renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

const DEFAULT_CONFIGURATION_DIRECTORY = "/etc/ssl/uacme";
const CHALLENGE_METHODS: readonly string[] = ["begin", "done", "failed"];

/** Reads the arguments that the administrator wrote behind `uacme issue`. */
export function readUacmeCall(call: HookCall): HookOutcome {
  const [given = "", ...more] = call.args;
  if (CHALLENGE_METHODS.includes(given) && more.length >= 4)
    return { kind: "declined", code: 1, reason: "daneward sets up no challenges: it is no program for uacme -h" };
  const name = given.replace(/^\*\./, "");
  return renewed(call, {
    client: "uacme",
    from: "NAME",
    path: name,
    base: name.includes("/") ? call.cwd : DEFAULT_CONFIGURATION_DIRECTORY,
    otherwise: "write uacme issue NAME && daneward hook uacme NAME",
    domains: [given, ...more],
  });
}
