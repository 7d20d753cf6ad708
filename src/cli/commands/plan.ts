/** `daneward plan`: the timetable of the rollover under way, or of the next one, as the world looks now. */
import { REREAD } from "../../driver/chain-files.ts";
import { indexSharers } from "../../driver/sharers.ts";
import { createLiveWorld } from "../../driver/live-world.ts";
import { observe } from "../../driver/observe.ts";
import { subjectOf } from "../../driver/rollover-unit.ts";
import type { CertificateConfig } from "../../config/schema.ts";
import { renderPlanJson, renderPlanText } from "../../report/plan-text.ts";
import type { Plan } from "../../report/plan-text.ts";
import { instant, seconds } from "../../base/time.ts";
import type { Instant, Seconds } from "../../base/time.ts";
import type { ChainFacts } from "../../rollover/chain.ts";
import { deadlines, rolloverNeed, USUAL_TICK_INTERVAL } from "../../rollover/deadlines.ts";
import { forecast, forecastRenewal } from "../../rollover/forecast.ts";
import type { Observation } from "../../rollover/observation.ts";
import { loadState } from "../../store/store.ts";
import type { SavedState } from "../../store/store.ts";
import { chosenCertificates, configurationOf, standingOf } from "../driver-files.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";

export interface PlanOptions extends FileOptions {
  readonly json?: boolean;
}

/** Ends with 0; changes nothing. */
export async function run(args: readonly string[], options: PlanOptions, io: Io): Promise<ExitCode> {
  const configuration = await configurationOf(options, io);
  const certificates = chosenCertificates(configuration, args[0]);
  const world = createLiveWorld(configuration, io.clock, io.signal);
  const stateDirectory = stateDirectoryOf(options, io);
  const sharers = indexSharers(configuration);
  const { clock, signal } = io;
  const setting = { configuration, stateDirectory, sharers, world, clock, signal, reread: REREAD };
  const plans: Plan[] = [];
  for (const certificate of certificates) {
    const saved = loadState(stateDirectory, certificate.name);
    plans.push(await planOf(setting, certificate, saved));
  }
  if (options.json === true) io.out(`${JSON.stringify(renderPlanJson(plans, io.clock()), null, 2)}\n`);
  else io.out(plans.map((plan) => renderPlanText(plan, { color: io.color, offsetAt: localOffset })).join("\n"));
  return EXIT.done;
}

async function planOf(
  setting: Parameters<typeof subjectOf>[0],
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

/** Of the time zone that this process runs in. */
function localOffset(at: Instant): number {
  return -new Date(at).getTimezoneOffset();
}

/** Nothing is under way and the source holds what is deployed: the interesting timetable is that of the next renewal. */
function isSettled(saved: SavedState | null, observation: Observation): boolean {
  if (saved === null || saved.state.phase.phase !== "stable") return false;
  const { source, deployed } = observation;
  return deployed !== null && (source.outcome === "failed" || source.chain.id === deployed.id);
}
