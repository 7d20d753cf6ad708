/** What to type so that ticks run by themselves on a system: the timer, its units where they are not in place yet, or cron. */
import path from "node:path";
import { MASK, unitFile } from "../doctor/unit.ts";
import type { InitSystem } from "./init-system.ts";
import { programIn } from "./tree.ts";
import type { Tree } from "./tree.ts";

export const TIMER = "daneward.timer";

/** The units of daneward on a system. */
export interface FoundUnits {
  /** File of the timer; {@link MASK}: it is masked; null: systemd knows none. */
  readonly timer: string | null;
  /** Folder with the units as they came with the program, to be put in place; null: there is none. */
  readonly shipped: string | null;
}

export function unitsIn(tree: Tree): FoundUnits {
  const programs = path.posix.dirname(tree.real(programIn(tree)));
  const shipped = path.posix.join(programs, "../dist/share/systemd");
  return { timer: unitFile(tree, TIMER), shipped: tree.has(`${shipped}/${TIMER}`) ? shipped : null };
}

export function cronFolderIn(tree: Tree): string | null {
  return ["/usr/local/etc/cron.d", "/etc/cron.d"].find(tree.has) ?? null;
}

/** What decides how ticks can run. */
export interface TickGround extends FoundUnits {
  readonly init: InitSystem;
  readonly cronFolder: string | null;
  readonly program: string;
}

/** Commands, and what no command does; one of them is empty. */
export interface TickWay {
  readonly type: readonly string[];
  readonly advice: readonly string[];
}

/** `flags`: what has to stand behind `daneward tick`, with a blank before it, for files that are elsewhere. */
export function wayToTick({ init, timer, shipped, cronFolder, program }: TickGround, flags = ""): TickWay {
  const enable = `systemctl enable --now ${TIMER}`;
  if (init === "systemd" || init === "unknown") {
    if (timer === MASK) return { type: [`systemctl unmask ${TIMER}`, enable], advice: [] };
    if (timer !== null) return { type: [enable], advice: [] };
    if (shipped !== null) return { type: installUnits(shipped, program), advice: [] };
  }
  // Daneward's first line may be env(1)'s, which finds no Node of /usr/local by cron's own PATH.
  const search = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const line = `*/10 * * * * root ${program} tick${flags}`;
  return cronFolder === null
    ? { type: [], advice: [`there is no cron: have whatever starts services here run ${program} run${flags}`] }
    : { type: [`printf '%s\\n' '${search}' '${line}' > ${cronFolder}/daneward`], advice: [] };
}

/** They name the program where the Debian package has it. */
function installUnits(shipped: string, program: string): readonly string[] {
  const put = `sed 's|/usr/bin/daneward|${program}|' "$unit" > "/etc/systemd/system/\${unit##*/}"`;
  return [
    `for unit in ${shipped}/*; do ${put}; done`,
    "install -d -m 0755 /etc/ssl/daneward",
    `systemctl daemon-reload && systemctl enable --now ${TIMER}`,
  ];
}
