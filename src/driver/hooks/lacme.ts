/**
 * lacme's `notify` is a command line for the shell, run after the certificate is installed, with nothing in arguments or
 * environment (lacme(8), "notify"; newOrder in the program). So the line names the certificate itself:
 * `notify = daneward hook lacme /etc/lacme/mx.pem`. When it fails, lacme goes on and ends with 1.
 */
import { renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

/** Reads the argument that the administrator wrote behind `notify =`. */
export function readLacmeCall(call: HookCall): HookOutcome {
  const [certificate] = call.args;
  return renewed(call, {
    client: "lacme",
    from: "CERTIFICATE",
    path: certificate,
    base: call.cwd,
    otherwise: "write notify = daneward hook lacme CERTIFICATE, with the file that lacme installs",
    domains: [],
  });
}
