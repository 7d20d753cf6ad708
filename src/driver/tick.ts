/**
 * The driver. One pass over everything that is due: take the lock, re-read state, observe the world, let the pure core
 * step, save state with its intent, perform, journal. Level-triggered: nothing rests on having been called at the right
 * moment or by the right hook, a wait is a stored instant and never a sleep, and a tick may be killed anywhere.
 *
 * Certificates are independent: each has its own state file and its own troubles, and one that fails altogether (a
 * damaged state file, a full disk) does not keep the others from going on. Hooks' notes are removed only once the state
 * that took notice of them is on disk.
 *
 * Not done here: retries with back-off within a tick (the next tick is the retry), and deciding anything (the core does).
 */
import { OperationalError } from "../base/errors.ts";
import type { Clock, Instant } from "../base/time.ts";
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import { mapLimited } from "../resolver/map-limited.ts";
import type { Step } from "../rollover/step.ts";
import { nextWake, readDueIndex, stampFiles, writeDueIndex } from "../store/due-index.ts";
import type { DueEntry, DueIndex } from "../store/due-index.ts";
import { appendJournal } from "../store/journal.ts";
import type { JournalEntry } from "../store/journal.ts";
import { withLock } from "../store/lock.ts";
import { readSpool, removeSpool } from "../store/spool.ts";
import type { SpoolContent } from "../store/spool.ts";
import { loadState, prepareStateDirectory } from "../store/store.ts";
import type { SavedState } from "../store/store.ts";
import { watchedPaths } from "./chain-files.ts";
import type { RereadOptions } from "./chain-files.ts";
import { groupSharing, indexSharers } from "./companions.ts";
import { notesAbout, selectDue } from "./due.ts";
import type { ReloadOptions } from "./reload.ts";
import { previewUnit, retryAt, runUnit } from "./rollover-unit.ts";
import type { TickSetting, UnitEnding } from "./rollover-unit.ts";
import type { WorldMaker } from "./world.ts";

/** Everything a tick needs from the process it runs in. */
export interface TickInput {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** Aborted: finish what is begun, save, and end. */
  readonly signal: AbortSignal;
  readonly makeWorld: WorldMaker;
  readonly reload: ReloadOptions;
  readonly reread: RereadOptions;
  readonly lingerMs: number;
  readonly onEvent: (entry: JournalEntry) => void;
  /** Told when the tick waits for the next look at a certificate instead of ending. */
  readonly onLinger?: (certificate: string, until: Instant) => void;
  /** Only these certificates, due or not; empty: all that are due. */
  readonly named: readonly string[];
  readonly force: boolean;
}

/** How a certificate came out of a tick. */
export type UnitReport =
  | { readonly outcome: "looked"; readonly certificate: CertificateConfig; readonly saved: SavedState }
  | { readonly outcome: "failed"; readonly certificate: CertificateConfig; readonly error: OperationalError }
  /** The tick was interrupted first. */
  | { readonly outcome: "skipped"; readonly certificate: CertificateConfig };

/** How a tick ended. */
export interface TickReport {
  readonly units: readonly UnitReport[];
  /** When the next certificate is due; null: none waits. */
  readonly nextWakeAt: Instant | null;
}

/** Certificates at work at a time: each has up to sixteen questions in flight. */
const UNITS_AT_ONCE = 4;

/** One pass. Throws LOCK_HELD, CERTIFICATE_UNKNOWN, and failures of the state directory as a whole. */
export async function tick(input: TickInput): Promise<TickReport> {
  prepareStateDirectory(input.stateDirectory, input.clock());
  return withLock(input.stateDirectory, input.clock(), () => tickUnderLock(input));
}

async function tickUnderLock(input: TickInput): Promise<TickReport> {
  const { configuration, stateDirectory, clock } = input;
  // Stamped before anything is read: a change meanwhile makes the index outdated, never unnoticed.
  const stamp = stampFiles(configuration.watched);
  const spool = readSpool(stateDirectory);
  const known = readDueIndex(stateDirectory);
  const due = selectDue(configuration, known, spool, { named: input.named, force: input.force, now: clock() });
  const endings = new Map<string, UnitEnding>();
  let units: readonly UnitReport[] = [];
  if (due.length > 0) {
    const setting = settingOf(input);
    if (known !== null) writeDueIndex(stateDirectory, withDue(known, due, clock()));
    const groups = groupSharing(due);
    units = (await mapLimited(groups, (group) => runGroup(setting, group, endings), UNITS_AT_ONCE)).flat();
  }
  const index = nextIndex(configuration, stamp, known, units, endings, input);
  writeDueIndex(stateDirectory, index);
  removeSpool(settledNotes(configuration, spool, endings));
  reportDamagedNotes(input, spool);
  return { units, nextWakeAt: nextWake(index) };
}

/** What every certificate would do now, with nothing written or sent but questions. Takes no lock. */
export async function previewTick(
  input: TickInput,
): Promise<readonly { readonly certificate: CertificateConfig; readonly step: Step }[]> {
  const { configuration, stateDirectory, clock } = input;
  const demand = { named: input.named, force: input.force, now: clock() };
  const due = selectDue(configuration, readDueIndex(stateDirectory), readSpool(stateDirectory), demand);
  const setting = settingOf(input);
  return mapLimited(
    due,
    async (certificate) => ({ certificate, step: await previewUnit(setting, certificate) }),
    UNITS_AT_ONCE,
  );
}

function settingOf(input: TickInput): TickSetting {
  const { configuration, stateDirectory, clock, signal, reload, reread, lingerMs, onEvent } = input;
  const onLinger = input.onLinger ?? ((): void => undefined);
  const world = input.makeWorld(configuration, clock, signal, reload.path);
  const sharers = indexSharers(configuration);
  return { configuration, stateDirectory, world, sharers, clock, signal, reload, reread, lingerMs, onEvent, onLinger };
}

/** Units that share a service look one after the other: each must know what the last one has asked for. */
async function runGroup(
  setting: TickSetting,
  group: readonly CertificateConfig[],
  endings: Map<string, UnitEnding>,
): Promise<readonly UnitReport[]> {
  const reports: UnitReport[] = [];
  for (const certificate of group) reports.push(await runSafely(setting, certificate, endings));
  return reports;
}

async function runSafely(
  setting: TickSetting,
  certificate: CertificateConfig,
  endings: Map<string, UnitEnding>,
): Promise<UnitReport> {
  try {
    const ending = await runUnit(setting, certificate);
    if (ending === null) return { outcome: "skipped", certificate };
    endings.set(certificate.name, ending);
    return { outcome: "looked", certificate, saved: ending.saved };
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    if (error.code === "DNS_INTERRUPTED" && setting.signal.aborted) return { outcome: "skipped", certificate };
    return { outcome: "failed", certificate, error };
  }
}

/**
 * Killed from here on, the next tick must look again at what this one was about: an intent may be saved and not carried
 * out. Most are due anyway; those that were named or forced are made so.
 */
function withDue(index: DueIndex, due: readonly CertificateConfig[], now: Instant): DueIndex {
  const names = new Set(due.map((certificate) => certificate.name));
  const entries = index.entries.map((entry) => {
    const isDue = entry.wakeAt !== null && entry.wakeAt <= now;
    return names.has(entry.certificate) && !isDue ? { ...entry, wakeAt: now } : entry;
  });
  return { ...index, entries };
}

/** The index for the next tick: what was just seen, and for the others what was known of them. */
function nextIndex(
  configuration: Configuration,
  stamp: string,
  known: DueIndex | null,
  units: readonly UnitReport[],
  endings: ReadonlyMap<string, UnitEnding>,
  input: TickInput,
): DueIndex {
  const knownEntries = new Map((known?.entries ?? []).map((entry) => [entry.certificate, entry]));
  const outcomes = new Map(units.map((unit) => [unit.certificate, unit]));
  const entries = configuration.certificates.map((certificate): DueEntry => {
    const { name } = certificate;
    const ending = endings.get(name);
    if (ending !== undefined) {
      const { saved, paths, stamp: seen } = ending;
      return { certificate: name, wakeAt: saved.wakeAt, paths, stamp: seen };
    }
    const entry = knownEntries.get(name);
    const unit = outcomes.get(certificate);
    if (unit?.outcome === "failed") {
      const paths = watchedPaths(certificate.source);
      return { certificate: name, wakeAt: retryAt(certificate, input.clock()), paths, stamp: stampFiles(paths) };
    }
    // Not looked at this time. One that was due, or never was in an index, stays due: an unknown stamp never fits.
    const unseen = unit !== undefined || entry === undefined || known?.configuration !== stamp;
    return unseen ? neverSeen(certificate, input.stateDirectory) : entry;
  });
  return { configuration: stamp, configurationPaths: configuration.watched, entries };
}

function neverSeen(certificate: CertificateConfig, stateDirectory: string): DueEntry {
  const paths = watchedPaths(certificate.source);
  return { certificate: certificate.name, wakeAt: wakeOf(stateDirectory, certificate.name), paths, stamp: "unseen" };
}

function wakeOf(stateDirectory: string, name: string): Instant | null {
  try {
    return loadState(stateDirectory, name)?.wakeAt ?? null;
  } catch (error) {
    // The certificate's own tick will say what is wrong with its state; the index need not.
    if (error instanceof OperationalError) return null;
    throw error;
  }
}

/** Notes whose certificates all have been looked at, and notes about certificates that are not ours. */
function settledNotes(
  configuration: Configuration,
  spool: SpoolContent,
  endings: ReadonlyMap<string, UnitEnding>,
): readonly string[] {
  const about = notesAbout(spool.notes);
  const left = configuration.certificates.filter((certificate) => !endings.has(certificate.name));
  const unsettled = new Set(left.flatMap(about));
  const settled = spool.notes.filter((entry) => !unsettled.has(entry));
  return [...settled.map(({ file }) => file), ...spool.damaged];
}

function reportDamagedNotes(input: TickInput, spool: SpoolContent): void {
  if (spool.damaged.length === 0) return;
  const entry: JournalEntry = {
    at: input.clock(),
    certificate: null,
    event: "spool-damaged",
    detail: { files: spool.damaged, detail: "removed; every source is looked at anyway" },
  };
  appendJournal(input.stateDirectory, [entry]);
  input.onEvent(entry);
}
