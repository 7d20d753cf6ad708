import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { chainId } from "../../src/rollover/chain.ts";
import type { ChainFacts, ChainId } from "../../src/rollover/chain.ts";
import { abort, hold, resume } from "../../src/rollover/operator.ts";
import { recordOutcomes } from "../../src/rollover/outcomes.ts";
import type { ActivePhase, HoldReason, OwnerState, Phase, RolloverState } from "../../src/rollover/state.ts";
import { initialState } from "../../src/rollover/step.ts";

const NOW = instant(1_800_000_000_000);
const LATER = instant(NOW + 60_000);
const X = chainId("1".repeat(64));
const Y = chainId("2".repeat(64));

function facts(id: ChainId, hasFiles = true): ChainFacts {
  return { id, certificates: [], records: [], subject: "mx", notBefore: NOW, notAfter: LATER, hasFiles };
}

function stateIn(phase: Phase, more: Partial<RolloverState> = {}): RolloverState {
  return { ...initialState(NOW), phase, chains: [facts(X), facts(Y)], ...more };
}

const PHASES = {
  stable: { phase: "stable", current: X },
  announcing: { phase: "announcing", current: X, next: Y },
  aging: { phase: "aging", current: X, next: Y, seenEverywhereAt: NOW },
  deploying: { phase: "deploying", current: X, next: Y, flippedAt: null },
  confirming: {
    phase: "confirming",
    obsolete: X,
    current: Y,
    deployedAt: NOW,
    rounds: 1,
    lastRoundAt: NOW,
    confirmedAt: null,
    failingSince: null,
  },
  withdrawing: { phase: "withdrawing", obsolete: X, current: Y },
} as const satisfies Record<string, ActivePhase>;

const WAY_BACK = { phase: "deploying", current: Y, next: X, flippedAt: null } as const;

function held(active: ActivePhase, reason: HoldReason = "OPERATOR_HOLD", restoring: ChainId | null = null): Phase {
  return { phase: "held", resume: active, reason, detail: "why", restoring };
}

describe("hold", () => {
  test.each(Object.values(PHASES))("stops $phase, to be resumed where it was", (phase) => {
    const result = hold(stateIn(phase), LATER, "why");
    expect(result.ok && result.value.phase).toEqual(held(phase));
    expect(result.ok && result.value.phaseSince).toBe(LATER);
    const again = result.ok ? resume(result.value, LATER) : result;
    expect(again.ok && again.value.phase).toEqual(phase);
  });

  test("is refused when it is held already", () => {
    const result = hold(stateIn(held(PHASES.aging, "RELOAD_FAILED")), LATER, "why");
    expect(!result.ok && result.fault.code).toBe("NOT_APPLICABLE");
    expect(!result.ok && result.fault.message).toContain("RELOAD_FAILED");
  });
});

describe("resume", () => {
  test("is refused when there is nothing to resume", () => {
    expect(resume(stateIn(PHASES.stable), LATER)).toMatchObject({ ok: false, fault: { code: "NOT_APPLICABLE" } });
  });

  test("after a hold keeps an aborted chain aborted", () => {
    const result = resume(stateIn(held(PHASES.stable), { rejected: Y }), LATER);
    expect(result.ok && result.value).toMatchObject({ phase: PHASES.stable, rejected: Y });
  });

  test("without a hold takes an abort back", () => {
    const result = resume(stateIn(PHASES.stable, { rejected: Y }), LATER);
    expect(result.ok && result.value.rejected).toBeNull();
  });

  test("lets writing go on at a name that others kept reverting", () => {
    const parsed = parseName("_25._tcp.mx.example.test");
    if (!parsed.ok) throw new Error(parsed.fault.message);
    const owner = revertedAt(parsed.value);
    for (const phase of [PHASES.announcing, held(PHASES.announcing)]) {
      const result = resume(stateIn(phase, { owners: [owner] }), LATER);
      expect(result.ok && result.value.owners[0]?.reverted).toBe(0);
    }
  });
});

function revertedAt(owner: DomainName): OwnerState {
  return {
    owner,
    finalOwner: owner,
    zone: owner,
    aliasTtl: seconds(0),
    ours: [],
    coming: [],
    leaving: [],
    horizon: [],
    clocks: [],
    servers: [],
    reverted: 2,
  };
}

describe("abort", () => {
  test.each([PHASES.announcing, PHASES.aging])("in $phase returns to the current chain", (phase) => {
    const result = abort(stateIn(phase), LATER);
    expect(result.ok && result.value).toMatchObject({ phase: { phase: "stable", current: X }, rejected: Y });
  });

  const back: readonly (readonly [string, Phase])[] = [
    ["in deploying", PHASES.deploying],
    ["in confirming", PHASES.confirming],
    ["while old files are put back", held(PHASES.announcing, "RELOAD_FAILED", X)],
    ["while confirming is held", held(PHASES.confirming)],
  ];
  test.each(back)("%s goes back through the gates", (_, phase) => {
    const result = abort(stateIn(phase), LATER);
    expect(result.ok && result.value).toMatchObject({ phase: WAY_BACK, rejected: Y });
  });

  const refused: readonly (readonly [string, RolloverState])[] = [
    ["when no rollover is under way", stateIn(PHASES.stable)],
    ["when the old record is being withdrawn", stateIn(PHASES.withdrawing)],
    ["when that is held", stateIn(held(PHASES.withdrawing))],
    ["when there is nothing to go back to", stateIn({ ...PHASES.confirming, obsolete: null })],
    [
      "when of what to go back to there are no files",
      stateIn(PHASES.confirming, { chains: [facts(X, false), facts(Y)] }),
    ],
  ];
  test.each(refused)("is refused %s", (_, state) => {
    expect(abort(state, LATER)).toMatchObject({ ok: false, fault: { code: "NOT_APPLICABLE" } });
  });
});

describe("a deployment whose reload fails", () => {
  const problem = fault("RELOAD_FAILED", "exit 1");
  const outcome = (chain: ChainId, reloaded: boolean) =>
    ({ kind: "deploy", chain, at: LATER, flipped: true, reloaded, fault: reloaded ? null : problem }) as const;

  test("is held, and the old files go back", () => {
    const state = recordOutcomes(stateIn(PHASES.deploying), [outcome(Y, false)]);
    expect(state.phase).toMatchObject({ phase: "held", reason: "RELOAD_FAILED", restoring: X });
    expect(state.troubles).toMatchObject([{ subject: "deploy", code: "RELOAD_FAILED" }]);
    const restored = recordOutcomes(state, [outcome(X, true)]);
    expect(restored.phase).toMatchObject({ phase: "held", restoring: null });
    expect(restored.troubles).toEqual([]);
  });

  test("on the way back from an aborted chain tries the way back again, never the aborted one", () => {
    const state = recordOutcomes(stateIn(WAY_BACK, { rejected: Y }), [outcome(X, false)]);
    expect(state.phase).toMatchObject({ phase: "held", restoring: X });
  });

  test("is still being put back when that reload fails too", () => {
    const state = stateIn(held(PHASES.announcing, "RELOAD_FAILED", X));
    expect(recordOutcomes(state, [outcome(X, false)]).phase).toEqual(state.phase);
  });

  test("that did not even change the link stays in deploying", () => {
    const failed = { ...outcome(Y, false), flipped: false };
    expect(recordOutcomes(stateIn(PHASES.deploying), [failed]).phase).toEqual(PHASES.deploying);
  });
});
