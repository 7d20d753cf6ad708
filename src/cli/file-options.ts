/** The global flags that name files. Apart, because an idle tick needs this and nothing else. */
import { configurationPath } from "../config/location.ts";
import { stateDirectory } from "../store/location.ts";
import type { Io } from "./io.ts";

export interface FileOptions {
  readonly config?: string;
  readonly stateDir?: string;
}

export function stateDirectoryOf(options: FileOptions, io: Io): string {
  return stateDirectory(options.stateDir, io.cwd);
}

/** Absolute path of the main configuration file, whether or not it is there. */
export function mainFileOf(options: FileOptions, io: Io): string {
  return configurationPath(options.config, io);
}
