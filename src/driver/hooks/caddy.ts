/**
 * Caddy runs programs on events by a plugin, caddy-events-exec, with the arguments written in the Caddyfile:
 * `on cert_obtained exec daneward hook caddy {event.data.identifier} {event.data.certificate_path}`.
 *
 * The path is relative to Caddy's storage (certmagic's `SiteCert`, config.go `cert_obtained`): the folder `caddy` of
 * `$XDG_DATA_HOME`, or `.local/share/caddy` of the home folder. Caddy has the certificate in use by then. The hook runs as
 * Caddy's user, who as a rule may not write our spool; then the tick finds the certificate by itself.
 */
import { join } from "node:path";
import { renewed } from "./call.ts";
import type { HookCall, HookOutcome } from "./call.ts";

/** Caddy's default storage; null: unknown, so only an absolute path will do. */
function storageOf(env: HookCall["env"]): string | null {
  const { XDG_DATA_HOME: data = "", HOME: home = "" } = env;
  if (data.startsWith("/")) return join(data, "caddy");
  return home.startsWith("/") ? join(home, ".local/share/caddy") : null;
}

/** Reads the arguments that the Caddyfile hands over. */
export function readCaddyCall(call: HookCall): HookOutcome {
  const [identifier, certificate] = call.args;
  return renewed(call, {
    client: "caddy",
    from: "{event.data.certificate_path}",
    path: certificate,
    base: storageOf(call.env),
    otherwise: "write on cert_obtained exec … hook caddy {event.data.identifier} {event.data.certificate_path}",
    domains: [identifier],
  });
}
