/** What a played history says about the core: unsafe moments, broken promises of single steps, failure to come to rest. */
import type { History } from "./history.ts";
import type { Run } from "./drive.ts";
import { recordsOf, standbyKey } from "./chains.ts";

export interface Verdict {
  readonly safety: readonly string[];
  readonly steps: readonly string[];
  readonly liveness: readonly string[];
}

export function judge(history: History, run: Run): Verdict {
  const { failures, foreign } = run.world;
  return { safety: [...foreign, ...failures], steps: run.broken, liveness: unrest(history, run) };
}

/** At rest: the newest certificate that was not aborted is deployed everywhere, and of our records only its own are left. */
function unrest(history: History, { world, state, phases, last }: Run): readonly string[] {
  const trail = `${phases.slice(-6).join(" ")}: ${last?.refusals.map(({ code, detail }) => `${code} ${detail}`).join("; ") ?? ""}`;
  // Who moved the link by hand has to reload the services too, and is told so.
  const isMoved = history.incidents.some(({ what }) => what === "link-moved");
  const unproven = last?.refusals.every(({ code }) => code === "ENDPOINT_UNPROVEN") === true;
  if (isMoved && unproven && state?.phase.phase === "confirming") return [];
  if (state?.phase.phase !== "stable") return [`not at rest: ${trail}`];
  const { current } = state.phase;
  // Aborted before anything was ever deployed.
  if (current === null && state.rejected === world.source.id) return [];
  if (current !== world.source.id && state.rejected !== world.source.id) return [`not the newest: ${trail}`];
  const facts = current === null ? null : world.chains.get(current);
  if (facts === undefined || facts === null) return [`no chain: ${trail}`];
  const own = recordsOf(facts, world.parameters);
  const ahead = (world.standby ?? []).flatMap((key) => standbyKey(key, world.parameters).records);
  const wanted = state.teardown === null ? [...own, ...ahead] : [];
  const problems: string[] = [];
  const hasNoFiles = world.deployed === null && current !== null && !world.stored.has(current);
  if (world.deployed !== current && !hasNoFiles) problems.push(`the link shows ${String(world.deployed).slice(-3)}`);
  for (const host of world.hosts) {
    // After an abort nobody reloads what a hand had linked; with the same key that makes no difference to clients.
    const same = world.facts(host.presents)?.records.join() === own.join();
    if (host.presents !== current && !(isMoved && same))
      problems.push(`${host.address} presents ${host.presents.slice(-3)}`);
  }
  for (const { owner, target } of world.owners) {
    const { records } = target.primary;
    const missing = wanted.filter((record) => !records.includes(record));
    if (missing.length > 0) problems.push(`${owner} lacks ${missing.join()}`);
    const left = records.filter((record) => !wanted.includes(record) && !target.byHand.has(record));
    if (left.length > 0) problems.push(`${owner} still has ${left.join()}`);
  }
  return problems.map((problem) => `${problem}; ${trail}`);
}
