import { resolve } from "node:path";

/** Where the state is kept unless `--state-dir` says otherwise (hier(7), Filesystem Hierarchy Standard 3.0 §5.8). */
const DEFAULT_STATE_DIRECTORY = "/var/lib/daneward";

/** The state directory: as given, else the default. */
export function stateDirectory(given: string | undefined, cwd: string): string {
  return given === undefined || given === "" ? DEFAULT_STATE_DIRECTORY : resolve(cwd, given);
}
