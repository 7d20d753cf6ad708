/** Where the configuration is. Apart from reading it: an idle tick asks this and reads nothing. */
import { resolve } from "node:path";

const DEFAULT_CONFIGURATION = "/etc/daneward/daneward.toml";

/** The main file: as given (`--config`), else by the environment, else the default. */
export function configurationPath(
  given: string | undefined,
  surroundings: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string },
): string {
  const named = given ?? surroundings.env["DANEWARD_CONFIG"];
  return resolve(surroundings.cwd, named === undefined || named === "" ? DEFAULT_CONFIGURATION : named);
}
