import type { CodeTable } from "./entry.ts";

/** Configuration faults. */
export const CONFIG_CODES = {
  CONFIG_SYNTAX: { title: "the configuration is not valid TOML", hint: "correct the file at the place named" },
  CONFIG_INVALID: {
    title: "a configuration value is not allowed",
    hint: "daneward check-config names every fault at once",
  },
  CONFIG_UNKNOWN_KEY: {
    title: "an unknown configuration key",
    hint: "remove it, or correct it to the nearest known key",
  },
  CONFIG_UNSUPPORTED: {
    title: "a configuration value that this release does not support",
    hint: "choose one of the supported values",
  },
  CONFIG_ADVICE: {
    title: "the configuration is allowed, but probably not what was meant",
    hint: "nothing was refused; look at the place named",
  },
  CONFIG_MISSING: {
    title: "no configuration file",
    hint: "name it with --config FILE, or write /etc/daneward/daneward.toml",
  },
} as const satisfies CodeTable;
