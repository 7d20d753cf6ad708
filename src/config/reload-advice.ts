/** Whether this host has what the reload actions name: programs, and the service manager with its services. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { isProgram } from "./look.ts";
import { suggestion } from "./nearest.ts";
import { isRestart, PRESET_NAMES } from "./reload-presets.ts";

/** The service manager of this host, as far as reload actions ask it. */
export interface ServiceManager {
  /** What to type to ask it. */
  readonly program: "systemctl" | "service";
  /** Whether it is the one in charge here. */
  readonly runs: boolean;
  /** Whether it knows a service of that name. */
  readonly knows: (service: string) => boolean;
}

/** systemd.unit(5), and where it finds the scripts of packages that bring no unit. */
const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/run/systemd/generator",
  "/run/systemd/generator.late",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];
const SCRIPT_FOLDERS = ["/etc/init.d", "/etc/rc.d", "/usr/local/etc/rc.d"];

/** Looks at this host. `platform` is `process.platform`. */
export function serviceManagerOf(platform: string): ServiceManager {
  const hasScript = (service: string): boolean => SCRIPT_FOLDERS.some((folder) => existsSync(join(folder, service)));
  if (platform === "freebsd") return { program: "service", runs: true, knows: hasScript };
  const isThere = (unit: string): boolean => UNIT_FOLDERS.some((folder) => existsSync(join(folder, unit)));
  return {
    program: "systemctl",
    // sd_booted(3)
    runs: existsSync("/run/systemd/system"),
    knows: (service) => {
      const unit = /\.[a-z]+$/.test(service) ? service : `${service}.service`;
      return isThere(unit) || isThere(unit.replace(/@[^.]*\./, "@.")) || hasScript(service);
    },
  };
}

/** What would keep the actions from working here: each is worth a warning, since a missing server may still come. */
export function adviceOnReload(
  actions: readonly (readonly string[])[],
  searchPath: string,
  manager: ServiceManager,
): readonly Fault[] {
  return actions.flatMap((argv) => adviceOnAction(argv, searchPath, manager));
}

function adviceOnAction(argv: readonly string[], searchPath: string, manager: ServiceManager): readonly Fault[] {
  const [program = "", ...rest] = argv;
  const advise = (what: string, hint: string): readonly Fault[] => [fault("CONFIG_ADVICE", what, hint)];
  if (program.includes("/") && !program.startsWith("/")) {
    return advise(`the program "${program}" has a relative path, and commands run in /`, "write its full path");
  }
  const asked = askedOf(argv);
  if (asked?.manager === "systemctl" && manager.program === "systemctl" && !manager.runs) {
    const instead = `service ${asked.service} ${asked.verb}`;
    return advise(`systemd does not run here: "${argv.join(" ")}" will fail`, `write reload = ["${instead}"]`);
  }
  if (!isProgram(program, searchPath)) {
    const near = rest.length === 0 ? suggestion(program, PRESET_NAMES) : "";
    const hint = `presets: ${PRESET_NAMES.join(", ")}; otherwise write the command with its full path`;
    return advise(`the program "${program}" is not there${near}`, hint);
  }
  if (asked?.manager === manager.program && !manager.knows(asked.service)) {
    const hint = `install the server, or write the name that it has here: reload = ["${program} ${asked.verb} …"]`;
    return advise(`there is no service "${asked.service}" on this host`, hint);
  }
  return [];
}

interface Asked {
  readonly manager: string;
  readonly verb: string;
  readonly service: string;
}

/** `systemctl VERB SERVICE`, `service SERVICE VERB`; null: something else, or with options. */
function askedOf([program = "", first, second, ...more]: readonly string[]): Asked | null {
  if (first === undefined || second === undefined || more.length > 0 || first.startsWith("-")) return null;
  const manager = program.slice(program.lastIndexOf("/") + 1);
  if (manager === "systemctl") return { manager, verb: first, service: second };
  return manager === "service" ? { manager, verb: second, service: first } : null;
}

const NAMED = 3;

/** What an operator may not expect of a renewal: a line for each command that cuts connections. */
export function describeRestarts(
  certificates: readonly { readonly name: string; readonly reload: readonly (readonly string[])[] }[],
): readonly string[] {
  const users = new Map<string, readonly string[]>();
  for (const { name, reload } of certificates) {
    for (const command of new Set(reload.filter(isRestart).map((argv) => argv.join(" ")))) {
      users.set(command, [...(users.get(command) ?? []), name]);
    }
  }
  return [...users].map(([command, names]) => {
    const more = names.length > NAMED ? ` and ${String(names.length - NAMED)} more` : "";
    const who = `${names.slice(0, NAMED).join(", ")}${more}`;
    return `"${command}" is a restart, not a reload: it cuts connections whenever a new certificate is shown (${who})`;
  });
}
