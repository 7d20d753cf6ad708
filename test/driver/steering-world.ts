/** A world at each phase of a rollover, for the tests of what operators do there. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { tick } from "../../src/driver/tick.ts";
import type { RolloverState } from "../../src/rollover/state.ts";
import { loadState, saveState } from "../../src/store/store.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

export type Stage =
  "stable" | "announcing" | "aging" | "deploying" | "confirming" | "withdrawing" | "held" | "reload failed" | "aborted";

export function stateOf(world: FakeWorld): RolloverState {
  const saved = loadState(world.stateDirectory, "mx");
  if (saved === null) throw new Error("no state yet");
  return saved.state;
}

export function phaseOf(world: FakeWorld): string {
  return stateOf(world).phase.phase;
}

export async function tickUntil(
  world: FakeWorld,
  done: () => boolean,
  input: Parameters<FakeWorld["input"]>[0] = {},
): Promise<void> {
  for (let turn = 0; ; turn++) {
    await tick(world.input(input));
    if (done()) return;
    if (turn > 200) throw new Error(`still ${JSON.stringify(stateOf(world).phase)}`);
    world.advance(20);
  }
}

/** A first certificate, deployed and confirmed. */
async function settle(world: FakeWorld): Promise<void> {
  const first = await world.issue();
  world.serve(first);
  world.install(first);
  await tickUntil(world, () => phaseOf(world) === "stable" && world.records.size === 1);
}

/** A renewal with a new key, up to the swap. */
async function renewUntil(world: FakeWorld, phase: string): Promise<void> {
  await settle(world);
  world.install(await world.issue());
  await tickUntil(world, () => phaseOf(world) === phase);
}

/** Leads a fresh world to a stage. */
export async function leadTo(world: FakeWorld, stage: Stage): Promise<void> {
  switch (stage) {
    case "stable":
      return settle(world);
    case "announcing":
      await settle(world);
      world.freeze("ns2.example.org.", true);
      world.install(await world.issue());
      await tick(world.input());
      return;
    case "aging":
    case "confirming":
      return renewUntil(world, stage);
    case "deploying":
      return deploying(world);
    case "withdrawing":
      await renewUntil(world, "confirming");
      for (const server of ["ns1.example.org.", "ns2.example.org."]) world.freeze(server, true);
      return tickUntil(world, () => phaseOf(world) === "withdrawing");
    case "held":
      await renewUntil(world, "aging");
      {
        holding(world);
        return;
      }
    case "reload failed":
      await renewUntil(world, "aging");
      return tickUntil(world, () => phaseOf(world) === "held", failingReload(world));
    case "aborted":
      await renewUntil(world, "aging");
      {
        aborted(world);
        return;
      }
  }
}

/** A tick that was killed before the swap. */
async function deploying(world: FakeWorld): Promise<void> {
  await renewUntil(world, "aging");
  const saved = loadState(world.stateDirectory, "mx");
  if (saved?.state.phase.phase !== "aging") throw new Error("not aging");
  const { current, next } = saved.state.phase;
  const phase = { phase: "deploying", current, next, flippedAt: null } as const;
  saveState(world.stateDirectory, { ...saved, state: { ...saved.state, phase } });
}

function holding(world: FakeWorld): void {
  const saved = loadState(world.stateDirectory, "mx");
  if (saved === null || saved.state.phase.phase === "held") throw new Error("held");
  const phase = {
    phase: "held",
    resume: saved.state.phase,
    reason: "OPERATOR_HOLD",
    detail: "test (by alice)",
    restoring: null,
  } as const;
  saveState(world.stateDirectory, { ...saved, state: { ...saved.state, phase } });
}

function aborted(world: FakeWorld): void {
  const saved = loadState(world.stateDirectory, "mx");
  if (saved?.state.phase.phase !== "aging") throw new Error("not aging");
  const { current, next } = saved.state.phase;
  const state = { ...saved.state, phase: { phase: "stable", current } as const, rejected: next };
  saveState(world.stateDirectory, { ...saved, state });
}

function failingReload(world: FakeWorld): Parameters<FakeWorld["input"]>[0] {
  const certificates = [{ ...world.certificate, reload: [["/bin/false"]] }];
  return { configuration: { ...world.configuration, certificates } };
}

/** The state file, to see that nothing was written. */
export function stateText(world: FakeWorld): string {
  return readFileSync(path.join(world.stateDirectory, "certificates/mx.json"), "utf8");
}
