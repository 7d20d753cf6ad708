/** What runs the ticks here: a timer, the resident driver, cron, or nothing; and whether they come. */
import { advised, doubtful, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import { formatDuration, secondsBetween } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { nextWake, readDueIndex } from "../../store/due-index.ts";
import { initSystemOf } from "../setup/init-system.ts";
import type { InitSystem } from "../setup/init-system.ts";
import { cronFolderIn, TIMER, unitsIn, wayToTick } from "../setup/run-ticks.ts";
import type { FoundUnits } from "../setup/run-ticks.ts";
import { programIn } from "../setup/tree.ts";
import type { Tree } from "../setup/tree.ts";
import { attempt } from "./host.ts";
import { MASK } from "./unit.ts";

export const CRON_FILES = [
  "/etc/cron.d/daneward",
  "/usr/local/etc/cron.d/daneward",
  "/etc/crontab",
  "/var/spool/cron/crontabs/root",
  "/var/cron/tabs/root",
];

/** Units that run the driver: what is enabled, and the service whose process it then is. */
const RESIDENT = "daneward-run.service";
const WANTS: readonly (readonly [unit: string, link: string, service: string])[] = [
  [TIMER, `/etc/systemd/system/timers.target.wants/${TIMER}`, "daneward.service"],
  [RESIDENT, `/etc/systemd/system/multi-user.target.wants/${RESIDENT}`, RESIDENT],
];

/** Everything that may start the driver. */
export interface Starters extends FoundUnits {
  readonly init: InitSystem;
  /** `daneward.timer` or `daneward-run.service`; null: neither. */
  readonly enabled: string | null;
  /** File with a line that starts ticks here; null: none. */
  readonly cron: string | null;
  /** Whether a process of `daneward run` was seen. */
  readonly isResident: boolean;
  /** Folder for a line of cron's; null: there is no cron. */
  readonly cronFolder: string | null;
  readonly program: string;
}

/** Looks at the system in `tree`. */
export function readStarters(tree: Tree): Starters {
  const init = initSystemOf(tree);
  const cron = CRON_FILES.find((file) => startsTicks(tree.text(file) ?? "", init === "systemd"));
  return {
    init,
    enabled: WANTS.find(([, link]) => tree.has(link))?.[0] ?? null,
    ...unitsIn(tree),
    cron: cron ?? null,
    isResident: tree.names("/proc").some((name) => /^\d+$/.test(name) && isDriver(tree.text(`/proc/${name}/cmdline`))),
    cronFolder: cronFolderIn(tree),
    program: programIn(tree),
  };
}

/** A line that leaves the matter to systemd starts nothing where that runs. */
function startsTicks(crontab: string, isBooted: boolean): boolean {
  const lines = crontab.split("\n").filter((line) => /^[^#]*\bdaneward\b.*\btick\b/.test(line));
  return lines.some((line) => !isBooted || !line.includes("/run/systemd/system"));
}

/** Words of a command line as Linux has them, each with a NUL at its end. */
function isDriver(commandLine: string | null): boolean {
  const words = (commandLine ?? "").split("\0");
  const program = words.findIndex((word) => /(?:^|\/)daneward(?:\.m?js)?$/.test(word));
  return program >= 0 && program <= 2 && words.slice(program + 1).includes("run");
}

/** The service in whose sandbox ticks run, or would as soon as its timer is enabled; null: in none. */
export function tickingService({ init, enabled, timer, cron, isResident }: Starters): {
  readonly name: string;
  readonly runs: boolean;
} | null {
  if (init !== "systemd" && init !== "unknown") return null;
  const found = WANTS.find(([unit]) => unit === enabled);
  if (found !== undefined) return { name: found[2], runs: true };
  if (timer === null || timer === MASK || cron !== null || isResident) return null;
  return { name: "daneward.service", runs: false };
}

/** `flags`: as {@link wayToTick} takes them. */
export function judgeStarters(starters: Starters, flags = ""): Finding {
  const { init, enabled, timer, cron, isResident } = starters;
  const subject = "schedule";
  const hasUnits = init === "systemd" || init === "unknown";
  if (enabled !== null && hasUnits) return fine(subject, `${enabled} is enabled`);
  if (cron !== null) return fine(subject, `${cron} starts daneward tick`);
  if (isResident) return fine(subject, "daneward run is at work");
  const { type, advice } = wayToTick(starters, flags);
  const said = ((): string => {
    if (enabled !== null) return `${enabled} is enabled, but systemd does not run here: nothing runs ticks`;
    if (init === "systemd" && timer === MASK) return `${TIMER} is masked, and nothing else runs ticks`;
    if (init === "systemd" && timer !== null) {
      return `${timer} is not enabled, and neither ${RESIDENT} nor a cron line stands in for it: nothing runs ticks`;
    }
    return "neither a timer, a cron line nor daneward run runs ticks";
  })();
  return advised(doubtful(subject, said, ...type), ...advice);
}

/** As `daneward check` has it. */
const PATIENCE_S = 1_800;

/** What starts the driver on the system in `tree`, and whether it does. */
export function checkSchedule(
  { stateDirectory, now }: { readonly stateDirectory: string; readonly now: Instant },
  starters: Starters,
  flags = "",
): readonly Finding[] {
  return [...attempt("schedule", () => lateness(stateDirectory, now)), judgeStarters(starters, flags)];
}

function lateness(stateDirectory: string, now: Instant): readonly Finding[] {
  const index = readDueIndex(stateDirectory);
  if (index === null) return [doubtful("last run", "there has been no tick yet", "daneward tick")];
  const due = nextWake(index);
  if (due === null || secondsBetween(due, now) < PATIENCE_S) return [fine("last run", "nothing is overdue")];
  const late = formatDuration(secondsBetween(due, now));
  return [
    doubtful("last run", `a look is overdue by ${late}: the driver does not run, or cannot`, "daneward tick --verbose"),
  ];
}
