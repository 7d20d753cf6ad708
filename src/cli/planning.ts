/** The timetable of one certificate, as the world looks now: for `plan`, the page and the calendar. */
import { REREAD } from "../driver/chain-files.ts";
import { observe } from "../driver/observe.ts";
import { subjectOf } from "../driver/rollover-unit.ts";
import { indexSharers } from "../driver/sharers.ts";
import type { World } from "../driver/world.ts";
import { instant, seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import type { Plan } from "../report/plan-text.ts";
import type { ChainFacts, ChainId } from "../rollover/chain.ts";
import { deadlines, rolloverNeed, USUAL_TICK_INTERVAL } from "../rollover/deadlines.ts";
import { forecast, forecastRenewal } from "../rollover/forecast.ts";
import type { Observation } from "../rollover/observation.ts";
import type { SavedState } from "../store/store.ts";
import { standingOf } from "./driver-files.ts";
import type { Io } from "./io.ts";

export type PlanningSetting = Parameters<typeof subjectOf>[0];

/** What every timetable of one call shares. */
export function planningSetting(
  configuration: Configuration,
  stateDirectory: string,
  world: World,
  { clock, signal }: Io,
): PlanningSetting {
  const sharers = indexSharers(configuration);
  return { configuration, stateDirectory, sharers, world, clock, signal, reread: REREAD };
}

/** Looks at the world once, and says what will happen if nothing goes wrong. Throws what a state file throws. */
export async function planOf(
  setting: PlanningSetting,
  certificate: CertificateConfig,
  saved: SavedState | null,
): Promise<Plan> {
  const { observation } = await observe(subjectOf(setting, certificate));
  const now = setting.clock();
  const { policy } = certificate;
  const current = observation.deployed;
  const served = servedTtl(observation);
  const waits = { policy, ttlSeen: served, tickInterval: USUAL_TICK_INTERVAL, isAhead: false };
  const expectedRenewal = current === null ? null : deadlines(waits, current).renewal;
  const imagined = isSettled(saved, observation);
  const state = saved?.state ?? null;
  // What is overdue may come at any moment.
  const renewalAt = instant(Math.max(now, expectedRenewal ?? now));
  return {
    certificate: certificate.name,
    at: now,
    renewal: imagined ? "imagined" : "under-way",
    expectedRenewal,
    current,
    replaced: saved === null ? null : replacedBy(saved, current),
    next: imagined ? null : offered(observation),
    ttl: { configured: policy.ttl, served },
    wait: rolloverNeed(waits, served ?? policy.ttl).wait,
    standing: saved === null ? null : standingOf(certificate, saved, now),
    entries: imagined
      ? forecastRenewal(state, observation, policy, renewalAt)
      : forecast(state, observation, policy, now),
  };
}

function offered({ source, deployed }: Observation): ChainFacts | null {
  return source.outcome === "chain" && source.chain.id !== deployed?.id ? source.chain : null;
}

/** The largest TTL of an RRset that some counting name server serves; null: none serves any. */
function servedTtl({ owners }: Observation): Seconds | null {
  const ttls = owners
    .flatMap((owner) => (owner.outcome === "seen" ? owner.servers : []))
    .flatMap(({ said, excluded }) =>
      said.outcome === "answer" && !excluded && said.records.length > 0 ? [said.ttl] : [],
    );
  return ttls.length === 0 ? null : seconds(Math.max(...ttls));
}

/** Nothing is under way and the source holds what is deployed: the interesting timetable is that of the next renewal. */
function isSettled(saved: SavedState | null, observation: Observation): boolean {
  if (saved === null || saved.state.phase.phase !== "stable") return false;
  const { source, deployed } = observation;
  return deployed !== null && (source.outcome === "failed" || source.chain.id === deployed.id);
}

/** A renewal that is proven no longer has its old chain as the current one. */
function replacedBy({ state }: SavedState, current: ChainFacts | null): ChainId | null {
  const active = state.phase.phase === "held" ? state.phase.resume : state.phase;
  return "obsolete" in active ? active.obsolete : (current?.id ?? null);
}
