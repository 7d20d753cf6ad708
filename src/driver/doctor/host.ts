/** Is this machine fit for the driver: its program, its clock, its disks, and what is in its folders. */
import { lstatSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import path from "node:path";
import { OperationalError } from "../../base/errors.ts";
import { advised, doubtful, failing, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import type { Instant } from "../../base/time.ts";
import type { Configuration } from "../../config/schema.ts";
import { nearestExisting } from "../../config/look.ts";
import { systemCode } from "../../store/atomic-file.ts";
import { freezeFault, readFreeze } from "../../store/freeze.ts";
import { listStates, loadState, stateFile } from "../../store/store.ts";
import { listVault, openVaultKey, vaultOf } from "../vault.ts";

/** The place where everything is, and the time. */
export interface HostView {
  readonly mainFile: string;
  readonly stateDirectory: string;
  readonly configuration: Configuration | null;
  readonly now: Instant;
  /** As `process.versions.node` has it. */
  readonly node: string;
}

/** package.json says the same. */
const NODE_FLOOR = [20, 19] as const;

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isEnough = major > NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor >= NODE_FLOOR[1]);
  if (isEnough) return fine("node", version);
  const finding = failing("node", `${version} is too old; 20.19 is the least`);
  return advised(finding, "install a newer Node (NodeSource, nodejs.org)");
}

/** Room that replacing files needs many times over. */
const LITTLE_ROOM = 64 * 1024 * 1024;
const NO_ROOM = 1024 * 1024;

/** Room on the disks that are written. */
export function checkDisks({ stateDirectory, configuration }: HostView): readonly Finding[] {
  const folders = [stateDirectory, ...(configuration?.certificates ?? []).map(({ deploy }) => path.dirname(deploy))];
  const places = [...new Set(folders.map(nearestExisting))];
  return [...new Map(places.map((place) => [statSync(place).dev, place])).values()].map((place) => {
    const { bavail, bsize, ffree, files } = statfsSync(place);
    const room = bavail * bsize;
    const said = `${String(Math.floor(room / 1024 / 1024))} MiB free for ${place}`;
    if (room < NO_ROOM || (files > 0 && ffree < 16)) return failing("disk", said, `df ${place}`);
    return room < LITTLE_ROOM ? doubtful("disk", said, `df ${place}`) : fine("disk", said);
  });
}

/** Files of a time that has not come: the clock was set back, or is behind. */
export function checkFileTimes({ stateDirectory, configuration, now }: HostView): Finding {
  const TOLERANCE_MS = 60_000;
  const sources = (configuration?.certificates ?? []).map(({ source }) =>
    source.kind === "directory" ? source.path : source.cert,
  );
  const files = [
    stateDirectory,
    ...listStates(stateDirectory).map((name) => stateFile(stateDirectory, name)),
    ...sources,
  ];
  const ahead = files.find((file) => (lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > now + TOLERANCE_MS);
  if (ahead === undefined) return fine("clock", "no file has a time in the future");
  return doubtful("clock", `${ahead} has a time in the future: the clock was set back, or is behind`, "timedatectl");
}

/** The state directory: whose it is, what in it is damaged, and whether everything is frozen. */
export function checkState(view: HostView): readonly Finding[] {
  const { stateDirectory } = view;
  const stat = lstatSync(stateDirectory, { throwIfNoEntry: false });
  if (stat === undefined) return [fine("state", `${stateDirectory} is made by the first tick`)];
  if (!stat.isDirectory()) return [failing("state", `${stateDirectory} is no folder`, `ls -ld ${stateDirectory}`)];
  const user = process.geteuid?.() ?? stat.uid;
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  const open = (stat.mode & 0o077) !== 0;
  if (stat.uid !== user && user !== 0) {
    const whose = `${stateDirectory} belongs to user ${String(stat.uid)}, and this is ${String(user)}`;
    return [{ ...failing("state", whose, "sudo daneward doctor"), code: "PERMISSION_DENIED" }];
  }
  const access =
    stat.uid !== user
      ? doubtful(
          "state",
          `${stateDirectory} belongs to user ${String(stat.uid)}, not to root`,
          `ls -ld ${stateDirectory}`,
        )
      : open
        ? doubtful(
            "state",
            `${stateDirectory} has mode ${mode}: next keys are below it`,
            `chmod 0700 ${stateDirectory}`,
          )
        : fine("state", `${stateDirectory} is ours alone`);
  return [
    access,
    ...checkFreeze(view),
    ...attempt("state", () => stateFiles(view)),
    ...attempt("vault", () => vaults(view)),
  ];
}

function checkFreeze({ stateDirectory }: HostView): readonly Finding[] {
  const freeze = readFreeze(stateDirectory);
  if (freeze === null) return [];
  const { code, message } = freezeFault(freeze);
  return [{ ...doubtful("frozen", message, "daneward thaw"), code }];
}

function stateFiles({ stateDirectory }: HostView): readonly Finding[] {
  const names = listStates(stateDirectory);
  const damaged = names.flatMap((name) => attempt(`state ${name}`, () => void loadState(stateDirectory, name)));
  if (damaged.length > 0) return damaged;
  return [fine("state", `${String(names.length)} state ${names.length === 1 ? "file" : "files"}, all whole`)];
}

function vaults({ stateDirectory, configuration }: HostView): readonly Finding[] {
  let count = 0;
  const found = (configuration?.certificates ?? []).flatMap(({ name }) =>
    attempt(`vault ${name}`, () => {
      const folder = vaultOf(stateDirectory, name);
      for (const key of listVault(folder)) {
        openVaultKey(folder, key);
        count++;
      }
    }),
  );
  return found.length > 0
    ? found
    : [fine("vault", `${String(count)} next ${count === 1 ? "key" : "keys"}, ours alone`)];
}

/** What something throws as a finding; nothing, or what it returns, when it is well. */
export function attempt(subject: string, work: () => readonly Finding[] | undefined): readonly Finding[] {
  try {
    return work() ?? [];
  } catch (error) {
    if (error instanceof OperationalError) return [ofError(subject, error)];
    if (!(error instanceof Error) || systemCode(error) === null) throw error;
    return [
      {
        ...failing(subject, `cannot be looked at: ${error.message}`, "sudo daneward doctor"),
        code: "PERMISSION_DENIED",
      },
    ];
  }
}

/** A way out that is a command is what to type, any other one a hint. */
export function ofError(
  subject: string,
  { code, message, hint }: Pick<OperationalError, "code" | "message" | "hint">,
): Finding {
  const [, name] = /^state (\S+)$/.exec(subject) ?? [];
  if (code === "PERMISSION_DENIED") return { ...failing(subject, message, "sudo daneward doctor"), code };
  if (code === "STATE_DAMAGED" && name !== undefined) {
    return { ...failing(subject, message, `daneward adopt ${name}`), code };
  }
  return { ...advised(failing(subject, message), hint), code };
}

/** Configuration files that others may write decide what root runs. */
export function checkConfigurationFiles({ mainFile, configuration }: HostView): readonly Finding[] {
  const files = configuration?.files ?? [mainFile];
  const folders = [...new Set([path.dirname(mainFile), path.join(path.dirname(mainFile), "conf.d")])];
  const open = [...files, ...folders].filter((file) => {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    return stat !== undefined && (stat.mode & 0o022) !== 0 && (stat.mode & 0o1000) === 0;
  });
  if (open.length === 0) return [fine("configuration", `${files.join(", ")}: nobody else may write`)];
  return open.map((file) =>
    failing("configuration", `others may write ${file}, and it names commands to run`, `chmod go-w ${file}`),
  );
}

/** AppArmor's abstractions/ssl_keys and its kin. */
const APPARMOR_READS = ["/etc/ssl/", "/etc/letsencrypt/", "/etc/pki/", "/var/lib/acme/", "/var/lib/dehydrated/"];

/** Whether confined services may read the deployed files where they are. */
export function checkAppArmor({ configuration }: HostView, isOn = appArmorIsOn()): readonly Finding[] {
  const outside = (configuration?.certificates ?? []).filter(
    ({ deploy }) => !APPARMOR_READS.some((folder) => deploy.startsWith(folder)),
  );
  if (!isOn) return [];
  if (outside.length === 0) return [fine("apparmor", "every deploy path is where confined services may read keys")];
  return outside.map(({ name, deploy }) =>
    advised(
      doubtful(`apparmor ${name}`, `profiles of services allow no keys in ${deploy}`),
      `set deploy below /etc/ssl/daneward, or allow ${deploy}/** in /etc/apparmor.d/local`,
    ),
  );
}

function appArmorIsOn(): boolean {
  try {
    return (
      readFileSync("/sys/module/apparmor/parameters/enabled", "utf8").startsWith("Y") &&
      readdirSync("/etc/apparmor.d").length > 0
    );
  } catch {
    // No such kernel, or no profiles.
    return false;
  }
}
