/** From the driver's own state to what the demo shows. Pure. */
import type { FaultCode } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import type { ChainId } from "../../rollover/chain.ts";
import type { Phase, RolloverState, ServerState } from "../../rollover/state.ts";
import type { SavedState } from "../../store/store.ts";
import type { DemoView, ServerLine } from "./view.ts";

/** The part of the view that comes from the state. */
export type StateView = Pick<DemoView, "from" | "to" | "phase" | "detail" | "because" | "servers" | "next">;

/** What the state looks like at `now`. */
export function viewOfState(saved: SavedState, now: Instant): StateView {
  const { state } = saved;
  const { from, to } = chainsOf(state.phase);
  return {
    from: recordOf(state, from),
    to: recordOf(state, to),
    phase: state.phase.phase,
    detail: WORDS[state.phase.phase],
    because: saved.refusals[0]?.detail ?? null,
    servers: serversOf(state),
    next: nextOf(saved, now),
  };
}

const WORDS: Readonly<Record<Phase["phase"], string>> = {
  stable: "one certificate, its record, nothing to do",
  announcing: "the new record is published beside the old one; every name server must show it",
  aging: "caches may still hold the old RRset; the old certificate stays in use",
  deploying: "every cache knows the new record; now the files are swapped and the servers reloaded",
  confirming: "every address must present the new certificate, again and again",
  withdrawing: "proven; the old record goes",
  held: "stopped",
};

/** Which chain is in use and which is to follow, as the phase tells. */
function chainsOf(phase: Phase): { readonly from: ChainId | null; readonly to: ChainId | null } {
  switch (phase.phase) {
    case "stable":
      return { from: phase.current, to: null };
    case "announcing":
    case "aging":
    case "deploying":
      return { from: phase.current, to: phase.next };
    case "confirming":
    case "withdrawing":
      return { from: phase.obsolete, to: phase.current };
    case "held":
      return chainsOf(phase.resume);
  }
}

function recordOf(state: RolloverState, id: ChainId | null): string | null {
  const record = state.chains.find((chain) => chain.id === id)?.records[0];
  return record === undefined ? null : shortRecord(record);
}

/** `3 1 1 9a590dfa…`: enough to tell two records apart. */
export function shortRecord(record: string): string {
  const [usage = "", selector = "", matchingType = "", data = ""] = record.split(" ");
  return `${usage} ${selector} ${matchingType} ${data.slice(0, 8)}`;
}

/** One line a server address: the worst of what it says about the owner names. */
function serversOf(state: RolloverState): readonly ServerLine[] {
  const byAddress = new Map<string, ServerState>();
  for (const server of state.owners.flatMap((owner) => owner.servers)) {
    const known = byAddress.get(server.address);
    if (known === undefined || known.condition === "in-sync") byAddress.set(server.address, server);
  }
  return [...byAddress.values()].map(({ server, address, condition, serial }) => ({
    name: firstLabel(server),
    address,
    condition,
    serial,
  }));
}

function firstLabel(name: string): string {
  return name.split(".")[0] ?? name;
}

/** What becomes possible when a refusal lifts by itself. */
const NEXT: Partial<Record<FaultCode, string>> = {
  CLOCK_RUNNING: "deploy",
  HORIZON_UNSAFE: "deploy",
  ROUNDS_MISSING: "probe again",
  RETIRE_RUNNING: "withdraw",
};

/** What the time gate waits for; else the next look. */
function nextOf({ state, refusals, wakeAt }: SavedState, now: Instant): DemoView["next"] {
  const waits = refusals.flatMap(({ code, until }) => (until === null ? [] : [{ code, until }]));
  const last = waits.sort((left, right) => left.until - right.until).at(-1);
  if (last !== undefined) return { what: NEXT[last.code] ?? "look again", inMs: last.until - now };
  return wakeAt === null || state.phase.phase === "stable" ? null : { what: "look again", inMs: wakeAt - now };
}
