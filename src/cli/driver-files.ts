/** What the commands around the driver share: the configuration, the certificates meant, and their status. */
import { OperationalError } from "../base/errors.ts";
import { earliest, instant, seconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { loadConfiguration } from "../config/load.ts";
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import { findCertificate, notesAbout } from "../driver/due.ts";
import { indexSharers } from "../driver/sharers.ts";
import { describeState, footingOf } from "../report/model.ts";
import type { CertificateReport, CertificateStatus, Lookups, StatusReport } from "../report/model.ts";
import { phaseTime, standing, USUAL_TICK_INTERVAL } from "../rollover/deadlines.ts";
import type { Standing, Waits } from "../rollover/deadlines.ts";
import { countingServers, recordState } from "../rollover/horizon.ts";
import { matchesChain } from "../rollover/records.ts";
import { readFreeze } from "../store/freeze.ts";
import { readSpool } from "../store/spool.ts";
import type { SpoolContent } from "../store/spool.ts";
import { loadState } from "../store/store.ts";
import type { SavedState } from "../store/store.ts";
import { companionLookup } from "./companion-lookup.ts";
import { mainFileOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { Io } from "./io.ts";

/** Throws as loadConfiguration. */
export function configurationOf(options: FileOptions, io: Io): Promise<Configuration> {
  return loadConfiguration(mainFileOf(options, io));
}

/** The certificates that a command is about: the one named, or all. Throws CERTIFICATE_UNKNOWN. */
export function chosenCertificates(
  configuration: Configuration,
  name: string | undefined,
): readonly CertificateConfig[] {
  return name === undefined ? configuration.certificates : [findCertificate(configuration, name)];
}

/**
 * The status of certificates out of saved state and of what hooks noted since. `everyone`: all that are configured, when
 * `certificates` are some of them.
 */
export function statusReport(
  directory: string,
  certificates: readonly CertificateConfig[],
  at: Instant,
  everyone: readonly CertificateConfig[] = certificates,
): StatusReport {
  const about = notesAbout(readSpool(directory).notes);
  const sharers = indexSharers({ certificates: everyone });
  return {
    at,
    frozen: readFreeze(directory),
    certificates: certificates.map((certificate) => {
      const companionOf = companionLookup(directory, sharers(certificate));
      return reportOf(directory, certificate, { notes: about(certificate), companionOf }, at);
    }),
  };
}

/** What stands around a certificate outside its own state. */
interface Around {
  readonly notes: SpoolContent["notes"];
  readonly companionOf: Lookups["companionOf"];
}

function reportOf(
  directory: string,
  certificate: CertificateConfig,
  { notes, companionOf }: Around,
  at: Instant,
): CertificateReport {
  const { name } = certificate;
  const renewalNoted = earliest(...notes.map(({ note }) => note.at));
  try {
    const saved = loadState(directory, name);
    if (saved === null) return { outcome: "never-seen", name, renewalNoted };
    return { outcome: "known", name, status: statusOf(certificate, saved, renewalNoted, at, companionOf) };
  } catch (error) {
    // One damaged file must not hide the others.
    if (!(error instanceof OperationalError) || error.code === "PERMISSION_DENIED") throw error;
    return { outcome: "unreadable", name, message: error.message, hint: error.hint };
  }
}

/** What one saved state says about a configured certificate at some time; by itself, when it was saved. */
export function statusOf(
  certificate: CertificateConfig,
  saved: SavedState,
  renewalNoted: Instant | null,
  at: Instant = saved.savedAt,
  companionOf: Lookups["companionOf"] = () => null,
): CertificateStatus {
  return describeState(saved, {
    stateOf: recordState,
    companionOf,
    protocolOf: (endpoint) => certificate.services.find((service) => service.label === endpoint)?.protocol ?? null,
    matches: (record, chain) => matchesChain(record, chain.certificates),
    deploy: certificate.deploy,
    renewalNoted,
    standing: standingOf(certificate, saved, at),
    expected: phaseTime(saved.state.phase.phase, { ...waitsOf(certificate, saved.state), isAhead: false }),
  });
}

/** How the waits and the end of the live certificate go together; null: nothing is live. */
export function standingOf(certificate: CertificateConfig, saved: SavedState, at: Instant): Standing | null {
  const { state, refusals } = saved;
  const { phase } = state;
  const active = phase.phase === "held" ? phase.resume : phase;
  const current = state.chains.find(({ id }) => id === active.current);
  if (current === undefined) return null;
  const ends = refusals.filter(({ code }) => code === "CLOCK_RUNNING").flatMap(({ until }) => until ?? []);
  const staged = "next" in active ? { readyAt: ends.length === 0 ? null : instant(Math.max(...ends)) } : null;
  return standing(waitsOf(certificate, state), current, staged, at);
}

function waitsOf(certificate: CertificateConfig, state: SavedState["state"]): Waits {
  const seen = state.owners
    .flatMap((owner) => countingServers(owner))
    .filter(({ records }) => (records?.length ?? 0) > 0);
  const ready = state.standby.some(({ records }) =>
    state.owners.every((owner) => records.every((record) => recordState(owner, record) === "omnipresent")),
  );
  // Nothing binds anybody yet, or the next key is known everywhere already.
  const isAhead = !footingOf(state).published || (certificate.next === "prepublish" && ready);
  const ttlSeen = seconds(Math.max(0, ...seen.map(({ ttl }) => ttl)));
  return { policy: certificate.policy, ttlSeen, tickInterval: USUAL_TICK_INTERVAL, isAhead };
}
