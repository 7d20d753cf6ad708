/**
 * Apache's mod_md: `MDMessageCmd PROGRAM ARGS…` is started with the event and the name of the managed domain behind its
 * own arguments, and perhaps more behind these one day (README.md, "MDMessageCmd"; `notify` in mod_md.c).
 *
 * `installed` is the only event for us: at a reload, still as root, the new files are in `domains/NAME` of the store.
 * `renewed` comes earlier, as the server's unprivileged user, and the files are staged and encrypted then. Another exit
 * code than 0 puts a renewal off (`renewing`) or has the event again and again (`renewed`). The store is not told (2.3.2
 * alone set `MD_STORE`), so it may be given as our own argument: `MDMessageCmd daneward hook mod_md /srv/md`.
 */
import { isAbsolute, join } from "node:path";
import { isName, renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

/** `MDStoreDir md` below Debian's server root, the default there. */
const DEFAULT_STORE = "/etc/apache2/md";

/** Reads mod_md's arguments. */
export function readModMdCall(call: HookCall): HookOutcome {
  const { args, env } = call;
  const given = args[0] !== undefined && isAbsolute(args[0]) ? args[0] : undefined;
  const [event, name = ""] = given === undefined ? args : args.slice(1);
  if (event === undefined)
    return { kind: "unclear", reason: "no event is given: not called by mod_md as MDMessageCmd" };
  if (event !== "installed") return { kind: "ignored" };
  return renewed(call, {
    client: "mod_md",
    from: "the managed domain",
    path: isName(name) ? join(given ?? env["MD_STORE"] ?? DEFAULT_STORE, "domains", name) : "",
    base: null,
    otherwise: "not called by mod_md as MDMessageCmd",
    domains: [name],
  });
}
