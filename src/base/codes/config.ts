import type { CodeTable } from "./entry.ts";

/** Configuration faults. */
export const CONFIG_CODES = {
  CONFIG_SYNTAX: { title: "the configuration is not valid TOML", hint: "see the place named above" },
  CONFIG_INVALID: { title: "a configuration value is not allowed", hint: "daneward check-config names every fault at once" },
  CONFIG_UNKNOWN_KEY: { title: "an unknown configuration key", hint: "see the nearest known key" },
  CONFIG_MISSING: { title: "no configuration file", hint: "name it with --config FILE, or write /etc/daneward/daneward.toml" },
} as const satisfies CodeTable;
