/** Exit codes, in one place. */

/** Monitoring commands (`verify`, `check`, `resolve`, `propagation`) speak the plugin convention. */
export const PLUGIN = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;

/** Every other command speaks sysexits(3) where it has a word for it. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  bug: 70,
  temporary: 75,
  permission: 77,
  configuration: 78,
} as const;

export type ExitCode = number;
