/** The configuration for commands that need none: read only where somebody names one. */
import { configurationPath } from "../config/location.ts";
import type { Configuration } from "../config/schema.ts";
import type { Io } from "./io.ts";

/**
 * The configuration that --config or DANEWARD_CONFIG names; null when neither does, whatever lies at the default place.
 * Throws as loadConfiguration: CONFIG_MISSING, CONFIG_INVALID and the like.
 */
export async function namedConfiguration(config: string | undefined, io: Io): Promise<Configuration | null> {
  const named = config ?? io.env["DANEWARD_CONFIG"];
  if (named === undefined || named === "") return null;
  // Here, because whoever names none must not pay for reading one.
  const { loadConfiguration } = await import("../config/load.ts");
  return loadConfiguration(configurationPath(named, io));
}
