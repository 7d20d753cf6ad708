/** Whether the sandbox of the unit that runs the ticks leaves them what the configuration needs. Pure. */
import { advised, doubtful, failing, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import type { CommandNeed, Needs, PlaceNeed } from "./sandbox-needs.ts";
import type { Sandbox } from "./unit.ts";

/** A unit as it was found, and the system around it. */
export interface UnitView {
  readonly name: string;
  readonly sandbox: Sandbox;
  /** Words of ExecStart; empty: it says none. */
  readonly command: readonly string[];
  /** False: it is not enabled, and nothing else starts the driver. */
  readonly runs: boolean;
  /** Whether a path is there. */
  readonly has: (file: string) => boolean;
  /** A path without links. */
  readonly real: (file: string) => string;
  /** Where the program is. */
  readonly program: string;
}

/** What is wrong, with the lines of a drop-in and the commands that mend it. */
interface Misfit {
  readonly said: string;
  readonly grade: "failure" | "warning";
  readonly settings: Readonly<Record<string, readonly string[]>>;
  /** To be typed before the drop-in is written, or instead of it. */
  readonly before: readonly string[];
  /** What no command mends. */
  readonly advice?: readonly string[];
}

/** One drop-in mends everything; each finding has all of it, so that it is typed once. */
export function judgeSandbox(unit: UnitView, needs: Needs): readonly Finding[] {
  const subject = "sandbox";
  const misfits = [
    ...startMisfits(unit),
    ...needs.writes.flatMap((need) => writeMisfit(unit, need)),
    ...needs.reads.flatMap((need) => readMisfit(unit, need)),
    ...needs.commands.flatMap((need) => commandMisfit(unit, need)),
  ];
  if (misfits.length === 0) {
    return [fine(subject, `${unit.name} may write, read and run what the configuration needs, as far as files tell`)];
  }
  const needsDropIn = ({ settings }: Misfit): boolean => Object.keys(settings).length > 0;
  const mended = misfits.filter(needsDropIn);
  const type = [...new Set(mended.flatMap(({ before }) => before)), ...dropIn(unit, mended)];
  return misfits.map((misfit) => {
    const { said, grade, before, advice = [] } = misfit;
    const own = needsDropIn(misfit) ? type : before;
    const make = grade === "failure" && unit.runs ? failing : doubtful;
    return advised(make(subject, said, ...own), ...advice);
  });
}

/** Added to what is there: a section may be said twice, and lists grow. */
function dropIn({ name, runs }: UnitView, misfits: readonly Misfit[]): readonly string[] {
  const values = new Map<string, readonly string[]>();
  for (const { settings } of misfits) {
    for (const [key, words] of Object.entries(settings)) {
      values.set(key, [...new Set([...(values.get(key) ?? []), ...words])]);
    }
  }
  if (values.size === 0) return [];
  const lines = [...values].flatMap(([key, words]) =>
    key === "ExecStart" ? ["ExecStart=", `ExecStart=${words.join(" ")}`] : [`${key}=${words.map(unitWord).join(" ")}`],
  );
  const folder = `/etc/systemd/system/${name}.d`;
  return [
    `install -d -m 0755 ${folder}`,
    // The last word: an earlier drop-in may say otherwise.
    `printf '%s\\n' ${["[Service]", ...lines].map(shellWord).join(" ")} >> ${folder}/zz-local.conf`,
    "systemctl daemon-reload",
    // A resident process keeps the sandbox that it was started in.
    ...(runs && name === RESIDENT ? [`systemctl restart ${RESIDENT}`] : []),
  ];
}

const RESIDENT = "daneward-run.service";

function unitWord(text: string): string {
  const escaped = text.replaceAll("%", "%%").replace(/["\\]/g, String.raw`\$&`);
  return /^[\w.,:+=@%/-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

function shellWord(text: string): string {
  return /^[\w.,:+=@%/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function startMisfits({ name, sandbox, command, has, program }: UnitView): readonly Misfit[] {
  const [called = "", ...words] = command;
  const absent =
    called.startsWith("/") && !has(called)
      ? [
          {
            said: `${name} starts ${called}, which is not there`,
            grade: "failure" as const,
            settings: { ExecStart: [program, ...words] },
            before: [],
          },
        ]
      : [];
  const missing = sandbox.required.filter((folder) => !has(folder));
  return [
    ...absent,
    ...missing.map((folder) => ({
      said: `${name} cannot start: ${folder}, which it may write to, is not there (status=226/NAMESPACE)`,
      grade: "failure" as const,
      settings: {},
      before: [`install -d -m 0755 ${shellWord(folder)}`],
    })),
  ];
}

/** Sandboxes of other units have these too. */
const ELSEWHERE = "choose a place that is not in /tmp, /var/tmp or another TemporaryFileSystem of the unit";

function writeMisfit({ name, sandbox, has, real }: UnitView, { place, why }: PlaceNeed): readonly Misfit[] {
  // A link is gone through where it is, but what is written is where it leads.
  const onTheWay = sandbox.access(place);
  const access = ["hidden", "private"].includes(onTheWay) ? onTheWay : sandbox.access(real(place));
  const base = { grade: "failure" as const, before: [] };
  // What is needed there must be there, or the unit does not start at all.
  const folder = has(place) ? [] : [`install -d -m 0755 ${shellWord(place)}`];
  switch (access) {
    case "writable":
      return [];
    case "read-only":
      return [
        {
          ...base,
          said: `${name} may not write to ${place}: ${why}`,
          settings: { ReadWritePaths: [real(place)] },
          before: folder,
        },
      ];
    case "hidden": {
      const said = `${name} does not see ${place}, and is to write there: ${why}`;
      if (!isHome(place)) return [{ ...base, said, settings: {}, advice: [uncover(name, place)] }];
      const settings = { ProtectHome: ["read-only"], ReadWritePaths: [real(place)] };
      return [{ ...base, said, settings, before: folder }];
    }
    case "private":
      return [
        {
          ...base,
          said: `what ${name} writes to ${place} nobody else sees, as it has a folder of its own there: ${why}`,
          settings: {},
          advice: [ELSEWHERE],
        },
      ];
  }
}

function readMisfit({ name, sandbox, real }: UnitView, { place, why }: PlaceNeed): readonly Misfit[] {
  const unseen = [place, real(place)].find((one) => ["hidden", "private"].includes(sandbox.access(one)));
  if (unseen === undefined) return [];
  const path = unseen === place ? place : `${place}, which leads to ${unseen},`;
  const said = `${name} cannot read ${path.replace(/,$/, "")}: ${why}`;
  if (sandbox.access(unseen) === "private") {
    return [{ said, grade: "failure", settings: {}, before: [], advice: [ELSEWHERE] }];
  }
  return isHome(unseen)
    ? [{ said, grade: "failure", settings: { ProtectHome: ["read-only"] }, before: [] }]
    : [{ said, grade: "failure", settings: {}, before: [], advice: [uncover(name, unseen)] }];
}

function isHome(place: string): boolean {
  return /^\/(?:home|root|run\/user)(?:\/|$)/.test(place);
}

function uncover(name: string, place: string): string {
  return `systemctl edit ${name}, and take what covers ${place} out of InaccessiblePaths`;
}

/** Programs that are known to change their user, which the units that are shipped forbid. */
interface Demand {
  readonly isMeant: (program: string, words: readonly string[]) => boolean;
  /** What does the same without; null: the drop-in is the way. */
  readonly instead: string | null;
}

const CHANGES_USER = ["CAP_SETUID", "CAP_SETGID"];

const DEMANDS: readonly Demand[] = [
  {
    // postfix-script has postsuper go through the queue first: "setgid: Operation not permitted" (3.10, systemd 257).
    isMeant: (program, words) => ["postfix", "postmulti"].includes(program) && words.includes("reload"),
    instead: 'write reload = ["postfix"] (systemctl reload postfix, which systemd does outside of the sandbox)',
  },
  { isMeant: (program) => program === "ejabberdctl", instead: null },
  { isMeant: (program) => ["su", "runuser", "setpriv", "chpst", "gosu"].includes(program), instead: null },
];

function commandMisfit({ name, sandbox, real }: UnitView, { argv, why }: CommandNeed): readonly Misfit[] {
  const [called = "", ...words] = argv;
  const program = called.slice(called.lastIndexOf("/") + 1);
  const line = argv.join(" ");
  const hidden = called.startsWith("/") && ["hidden", "private"].includes(sandbox.access(real(called)));
  if (hidden) {
    const settings = isHome(real(called)) ? { ProtectHome: ["read-only"] } : {};
    const advice = isHome(real(called)) ? [] : [`keep ${called} elsewhere`];
    return [{ said: `${name} does not see ${called}: ${why}`, grade: "failure", settings, before: [], advice }];
  }
  return DEMANDS.filter(({ isMeant }) => isMeant(program, words)).flatMap((demand): readonly Misfit[] => {
    const capabilities = CHANGES_USER.filter((one) => !sandbox.has(one));
    if (capabilities.length === 0) return [];
    const said = `"${line}" fails in ${name}, as it changes its user: ${why}`;
    if (demand.instead !== null)
      return [{ said, grade: "warning", settings: {}, before: [], advice: [demand.instead] }];
    return [{ said, grade: "warning", settings: { CapabilityBoundingSet: capabilities }, before: [] }];
  });
}
