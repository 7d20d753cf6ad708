/** What can be seen, before anything is published, of files to write and programs to run; none of it is a fault. */
import { constants } from "node:fs";
import { dirname } from "node:path";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { isAllowed, isProgram, nearestExisting } from "./look.ts";
import type { ExecConfig } from "./publisher-exec.ts";
import type { ZonefileConfig } from "./publisher-zonefile.ts";

/** Advice, and the key that it is about. */
export type Advice = readonly [key: string, advice: Fault];

function advice(key: string, message: string, hint: string): Advice {
  return [key, fault("CONFIG_ADVICE", message, hint)];
}

function adviceOnProgram(key: string, argv: readonly string[] | null, searchPath: string): readonly Advice[] {
  const program = argv?.[0];
  if (program === undefined || isProgram(program, searchPath)) return [];
  return [advice(key, `the program "${program}" is not there`, "write the command with its full path")];
}

export function adviceOnExec({ command }: ExecConfig, searchPath: string): readonly Advice[] {
  return adviceOnProgram("command", command, searchPath);
}

export function adviceOnZonefile(config: ZonefileConfig, searchPath: string): readonly Advice[] {
  const { check, serial, reload } = config;
  return [
    ...adviceOnFiles(config),
    ...adviceOnCommands(config),
    ...adviceOnProgram("check", check, searchPath),
    ...adviceOnProgram("serial", serial, searchPath),
    ...reload.flatMap((argv) => adviceOnProgram("reload", argv, searchPath)),
  ];
}

/** Folders whose names depend on the zone cannot be looked at. */
function adviceOnFiles({ file, parent }: ZonefileConfig): readonly Advice[] {
  const found: Advice[] = [];
  const folder = dirname(file);
  const isKnown = (path: string): boolean => !path.includes("{zone}");
  if (isKnown(folder) && nearestExisting(folder) !== folder) {
    found.push(advice("file", `there is no folder ${folder}`, "make it: daneward makes the file, not the folder"));
  } else if (isKnown(folder) && !isAllowed(folder, constants.W_OK)) {
    const hint = "let daneward's user write there: a new file is made beside the old one and renamed";
    found.push(advice("file", `${folder} cannot be written by this user`, hint));
  }
  if (parent !== null && isKnown(parent) && !isAllowed(parent, constants.R_OK)) {
    const hint = "name the zone file that includes the fragment, and let daneward's user read and touch it";
    found.push(advice("parent", `${parent} is not there or cannot be read by this user`, hint));
  }
  return found;
}

function adviceOnCommands({ check, reload, parent }: ZonefileConfig): readonly Advice[] {
  const found: Advice[] = [];
  if (check === null) {
    const hint =
      parent === null
        ? 'add parent = the zone file, and check = ["nsd-checkzone", "{zone}", "{parent}"], or named-checkzone'
        : 'add check = ["nsd-checkzone", "{zone}", "{parent}"], or named-checkzone';
    found.push(advice("file", "there is no check: a fault elsewhere in the zone shows after the reload only", hint));
  } else if (!check.some((word) => word.includes("{file}") || word.includes("{parent}"))) {
    const hint = "write {parent}, or {file}, where the command takes the file to look at";
    found.push(advice("check", "the check names neither {file} nor {parent}: it looks at what is there already", hint));
  }
  if (reload.length === 0) {
    const hint =
      'add reload = ["rndc reload {zone}"], or whatever builds and loads the zone; leave it out if cron does';
    found.push(advice("file", "there is no reload: nobody is told of a new file", hint));
  }
  return found;
}
