/** The sandbox of the unit that runs the ticks, held against the configuration. */
import type { Finding } from "../../base/finding.ts";
import type { Configuration } from "../../config/schema.ts";
import { programIn } from "../setup/tree.ts";
import type { Tree } from "../setup/tree.ts";
import { judgeSandbox } from "./sandbox-fit.ts";
import { needsOf } from "./sandbox-needs.ts";
import { tickingService } from "./schedule.ts";
import type { Starters } from "./schedule.ts";
import { lastOf, readUnit, sandboxOf } from "./unit.ts";

/** Nothing where ticks run in no unit. */
export function checkSandbox(
  configuration: Configuration | null,
  stateDirectory: string,
  starters: Starters,
  tree: Tree,
): readonly Finding[] {
  const service = tickingService(starters);
  const unit = service === null ? null : readUnit(tree, service.name);
  if (configuration === null || service === null || unit === null) return [];
  const command = (lastOf(unit, "ExecStart") ?? "").replace(/^[-@:+!|]+/, "").split(/\s+/);
  return judgeSandbox(
    {
      ...service,
      sandbox: sandboxOf(unit, tree.real),
      command,
      has: tree.has,
      real: tree.real,
      program: programIn(tree),
    },
    needsOf(configuration, stateDirectory),
  );
}
