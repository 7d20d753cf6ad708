/** Which program starts services on a system, by its files: what a reload is asked of, and what can run the ticks. */
import { reloadPreset } from "../../config/reload-presets.ts";
import type { ServerProgram } from "./certificate-use.ts";
import type { Tree } from "./tree.ts";

/** `unknown`: a tree that does not run and has no init to go by. */
export type InitSystem = "systemd" | "freebsd" | "other" | "unknown";

/** As sd_booted(3) where the system runs; a tree that does not run is judged by its /sbin/init. */
export function initSystemOf(tree: Tree): InitSystem {
  if (tree.has("/run/systemd/system")) return "systemd";
  if (tree.has("/bin/freebsd-version") && tree.has("/etc/rc.subr")) return "freebsd";
  // A container with systemd's files in it, but something else as its first process.
  if (tree.has("/proc/self")) return "other";
  if (!tree.has("/sbin/init")) return "unknown";
  return tree.real("/sbin/init").endsWith("/systemd") ? "systemd" : "other";
}

/** Words of the servers' own that do what their units do, for systems without systemd. */
const OWN_RELOADS: Readonly<Partial<Record<ServerProgram, string>>> = {
  postfix: "postfix reload",
  nginx: "nginx -s reload",
  apache: "apachectl graceful",
};

/** What to write into `reload` for a server: its preset wherever that works, else a command. */
export function reloadActionOf(program: ServerProgram, init: InitSystem): string {
  // The unit's name on Debian, which people know; Fedora's is a preset of its own.
  const preset = program === "apache" ? "apache2" : program;
  const [manager, verb = "reload", service = preset] = reloadPreset(preset, "linux")?.argv ?? [];
  if (init !== "other" || manager !== "systemctl") return preset;
  return OWN_RELOADS[program] ?? `service ${service} ${verb}`;
}
