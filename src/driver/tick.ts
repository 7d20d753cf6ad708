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
import { CatalogueDamaged, removeCatalogue } from "../store/catalogue.ts";
import { endTurn, nextWake, noteEarliest, noteTime, stampFiles, updateDueIndex } from "../store/due-index.ts";
import type { DueIndex } from "../store/due-index.ts";
import { journalFreeze } from "../store/freeze.ts";
import { appendJournal } from "../store/journal.ts";
import type { JournalEntry } from "../store/journal.ts";
import { withLock } from "../store/lock.ts";
import { readSpool, removeSpool } from "../store/spool.ts";
import type { SpoolContent } from "../store/spool.ts";
import { prepareStateDirectory } from "../store/store.ts";
import type { SavedState } from "../store/store.ts";
import { watchedFiles } from "./chain-files.ts";
import type { RereadOptions } from "./chain-files.ts";
import { groupSharing } from "./companions.ts";
import { indexOf } from "./due.ts";
import { createInTurn } from "./in-turn.ts";
import { makePlan, markDue, settleIndex } from "./plan.ts";
import type { Demand, Plan } from "./plan.ts";
import { loadRegister, registerFor } from "./register.ts";
import type { Register } from "./register.ts";
import type { ReloadOptions } from "./reload.ts";
import { previewUnit, retryAt, runUnit } from "./rollover-unit.ts";
import type { TickSetting } from "./rollover-unit.ts";
import type { SharerIndex } from "./sharers.ts";
import type { WorldMaker } from "./world.ts";

/** Everything a tick needs from the process it runs in. */
export interface TickInput {
  readonly configuration: Configuration;
  /** The certificates of the configuration one by one; absent: made of it. */
  readonly register?: Register;
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
  /** What is configured. */
  readonly register: Register;
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
  const { stateDirectory, clock } = input;
  for (const entry of journalFreeze(stateDirectory)) input.onEvent(entry);
  const spool = readSpool(stateDirectory);
  const { register, plan, index } = await prepare(input, spool);
  const outcomes = new Map<number, UnitReport>();
  if (plan.due.length > 0) {
    const setting = settingOf(input, register, plan);
    if (index !== null) markDue(stateDirectory, index, plan, clock());
    const places = new Map(plan.due.map(({ position, certificate }) => [certificate, position]));
    const groups = groupSharing(plan.due.map(({ certificate }) => certificate));
    const note = (certificate: CertificateConfig, report: UnitReport): void => {
      const position = places.get(certificate);
      if (position !== undefined) outcomes.set(position, report);
    };
    const sleep: Sleep = (certificate, wakeAt, stamp) => {
      const position = places.get(certificate);
      // Not flushed: what a power cut takes away only means one look more.
      if (position !== undefined) updateDueIndex(stateDirectory, [{ position, wakeAt, stamp }], false);
    };
    await mapLimited(groups, (group) => runGroup(setting, group, note, sleep), UNITS_AT_ONCE);
    if (index !== null && !input.signal.aborted && input.named.length === 0) noteTime(stateDirectory, clock());
  }
  if (index !== null && input.named.length === 0) endTurn(stateDirectory, index, clock());
  removeSpool([...settledNotes(plan, outcomes), ...spool.damaged]);
  reportDamagedNotes(input, spool);
  const units = plan.due.flatMap(({ position }) => outcomes.get(position) ?? []);
  const after = indexOf(stateDirectory, register.catalogue);
  const nextWakeAt = after === null ? null : nextWake(after);
  if (after !== null) noteEarliest(stateDirectory, nextWakeAt);
  return { units, register, nextWakeAt };
}

interface Prepared {
  readonly register: Register;
  readonly plan: Plan;
  readonly index: DueIndex | null;
}

/** What there is to do. A damaged catalogue is thrown away, and the configuration itself is read. */
async function prepare(input: TickInput, spool: SpoolContent): Promise<Prepared> {
  const { stateDirectory, configuration } = input;
  const prepareWith = (register: Register): Prepared => {
    const index = settleIndex(stateDirectory, register);
    return { register, index, plan: makePlan(register, index, spool, demandOf(input)) };
  };
  const register = registerOf(input);
  try {
    return prepareWith(register);
  } catch (error) {
    if (!(error instanceof CatalogueDamaged)) throw error;
    removeCatalogue(stateDirectory);
    const [mainFile = ""] = configuration.watched;
    return prepareWith(await loadRegister(mainFile));
  }
}

/** A configuration that comes without a register is stamped before anything is done with it. */
function registerOf({ register, configuration }: TickInput): Register {
  return (
    register ??
    registerFor(
      configuration,
      configuration.watched.map((file) => stampFiles([file])),
    )
  );
}

function demandOf({ named, force, clock }: TickInput): Demand {
  return { named, force, now: clock() };
}

/** What every certificate would do now, with nothing written or sent but questions. Takes no lock. */
export async function previewTick(
  input: TickInput,
): Promise<readonly { readonly certificate: CertificateConfig; readonly step: Step }[]> {
  const { stateDirectory } = input;
  const register = registerOf(input);
  const index = indexOf(stateDirectory, register.catalogue);
  const plan = makePlan(register, index, readSpool(stateDirectory), demandOf(input));
  const setting = settingOf(input, register, plan);
  return mapLimited(
    plan.due,
    async ({ certificate }) => ({ certificate, step: await previewUnit(setting, certificate) }),
    UNITS_AT_ONCE,
  );
}

function settingOf(input: TickInput, register: Register, plan: Plan): TickSetting {
  const { stateDirectory, clock, signal, reload, reread, lingerMs, onEvent } = input;
  const { configuration } = register;
  const onLinger = input.onLinger ?? ((): void => undefined);
  const world = input.makeWorld(configuration, clock, signal, reload.path);
  const sharing = new Map(plan.due.map(({ certificate, sharers }) => [certificate, sharers]));
  const sharers: SharerIndex = (certificate) => sharing.get(certificate) ?? [];
  const inTurn = createInTurn();
  const shared = { configuration, stateDirectory, world, sharers, clock, signal };
  return { ...shared, reload, inTurn, reread, lingerMs, onEvent, onLinger };
}

/** Notes how a certificate came out. */
type Note = (certificate: CertificateConfig, report: UnitReport) => void;
/** Lets a certificate sleep that was looked at when its source had this stamp. */
type Sleep = (certificate: CertificateConfig, wakeAt: Instant | null, stamp: string) => void;

/** Units that share a service look one after the other: each must know what the last one has asked for. */
async function runGroup(
  setting: TickSetting,
  group: readonly CertificateConfig[],
  note: Note,
  sleep: Sleep,
): Promise<void> {
  for (const certificate of group) note(certificate, await runSafely(setting, certificate, sleep));
}

async function runSafely(setting: TickSetting, certificate: CertificateConfig, sleep: Sleep): Promise<UnitReport> {
  try {
    const ending = await runUnit(setting, certificate);
    // Not looked at, it stays due.
    if (ending === null) return { outcome: "skipped", certificate };
    sleep(certificate, ending.saved.wakeAt, ending.stamp);
    return { outcome: "looked", certificate, saved: ending.saved };
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    if (error.code === "DNS_INTERRUPTED" && setting.signal.aborted) return { outcome: "skipped", certificate };
    sleep(certificate, retryAt(certificate, setting.clock()), stampFiles(watchedFiles(certificate)));
    return { outcome: "failed", certificate, error };
  }
}

/** Notes whose certificates all have been looked at, and notes about certificates that are not ours. */
function settledNotes({ notes }: Plan, outcomes: ReadonlyMap<number, UnitReport>): readonly string[] {
  return notes
    .filter(({ positions }) => positions.every((position) => outcomes.get(position)?.outcome === "looked"))
    .map(({ file }) => file);
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
