/**
 * lego's hooks get everything in variables, and two sets of names: version 4 (`--run-hook`, `--renew-hook`) has
 * `LEGO_CERT_PATH` and `LEGO_CERT_DOMAIN` (cmd/hook.go), version 5 (`--deploy-hook`, or `hooks.deploy.command` in its
 * file) has `LEGO_HOOK_CERT_PATH` and `LEGO_HOOK_CERT_DOMAINS`, separated by commas (cmd/internal/hook/metadata.go).
 *
 * lego starts the words of the hook without a shell and without quoting, kills it after two minutes, and ends with an
 * error when it fails. Paths are relative where `--path` is; the hook runs in lego's own folder. Version 5's `pre` hook has
 * names but no path yet: wrong place, and said so.
 */
import { renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

/** Reads lego's environment, that of version 5 first. */
export function readLegoCall(call: HookCall): HookOutcome {
  const { env } = call;
  const isNew = Object.keys(env).some((name) => name.startsWith("LEGO_HOOK_"));
  return renewed(call, {
    client: "lego",
    from: isNew ? "LEGO_HOOK_CERT_PATH" : "LEGO_CERT_PATH",
    path: isNew ? env["LEGO_HOOK_CERT_PATH"] : env["LEGO_CERT_PATH"],
    base: call.cwd,
    otherwise: `not called by lego as ${isNew ? "--deploy-hook" : "--run-hook, --renew-hook or --deploy-hook"}`,
    domains: isNew ? (env["LEGO_HOOK_CERT_DOMAINS"] ?? "").split(",") : [env["LEGO_CERT_DOMAIN"]],
  });
}
