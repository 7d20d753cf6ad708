/**
 * acme.sh's `--reloadcmd` and `--renew-hook`, evaluated in the certificate's folder with `CERT_PATH`, `CERT_KEY_PATH`,
 * `CA_CERT_PATH`, `CERT_FULLCHAIN_PATH` and `Le_Domain` set (functions `_installcert` and `_on_issue_success`; seen with
 * 3.1.1 and 3.1.5). A deploy hook is a shell function instead: it gets domain, key, certificate, CA, full chain and PFX
 * file as arguments (`_deploy`), and may hand them on.
 *
 * `--renew-hook` is not called at the first issue, so `--reloadcmd` is the one to use. When it fails, acme.sh ends with 1,
 * skips the hooks that follow, and does not try again: the next renewal's time is saved by then.
 */
import { renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

/** Reads acme.sh's environment, or the arguments of a deploy hook. */
export function readAcmeShCall(call: HookCall): HookOutcome {
  const { args, env } = call;
  const [domain, , certificate] = args;
  return renewed(call, {
    client: "acme.sh",
    from: "CERT_PATH",
    path: env["CERT_PATH"] ?? certificate,
    base: null,
    otherwise: "not called by acme.sh as --reloadcmd or --renew-hook",
    domains: [env["Le_Domain"] ?? domain],
  });
}
