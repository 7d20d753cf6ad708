/**
 * Taking records for ours that name servers serve: after a state file was damaged or lost, or from somebody who published
 * them before. Which records may be ours, the files say: a record that matches a certificate of the deployment store or of
 * the source, or a key of the vault, can have been published for nobody else. Any other is somebody's, until an operator
 * names it.
 *
 * A damaged state file is moved aside, never removed. What it knew beside the records is not to be had from anywhere: every
 * wait begins anew, which is safe, and holds, emergencies and compromised keys are forgotten, which the operator is told.
 */
import { renameSync } from "node:fs";
import path from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { mapLimited } from "../resolver/map-limited.ts";
import type { ChainFacts, RecordText } from "../rollover/chain.ts";
import { countingServers, servedRecords } from "../rollover/horizon.ts";
import type { OwnerObservation } from "../rollover/observation.ts";
import { adopt } from "../rollover/operator.ts";
import { matchesChain, union } from "../rollover/records.ts";
import type { RolloverState } from "../rollover/state.ts";
import { step } from "../rollover/step.ts";
import { flushDirectory, writeFailure } from "../store/atomic-file.ts";
import type { JsonValue } from "../store/journal.ts";
import { withLock } from "../store/lock.ts";
import { completeJournal, loadState, prepareStateDirectory, saveWithJournal, stateFile } from "../store/store.ts";
import { readSource } from "./chain-files.ts";
import { viewStore } from "./deploy.ts";
import { wakeCertificate } from "./due.ts";
import { factsOf } from "./facts.ts";
import { observe, observeOwner } from "./observe.ts";
import type { Subject } from "./observe.ts";
import { standbyKeyOf } from "./standby.ts";
import type { Saying } from "./steer.ts";
import { keyFinder, listVault, openVaultKey, vaultOf } from "./vault.ts";

/** A certificate whose records are to be taken, and who wants that. */
export interface AdoptionInput extends Saying {
  readonly subject: Subject;
  /** Exactly these; null: all that can be nobody else's. */
  readonly records: readonly RecordText[] | null;
}

/** What stands at one owner name. */
export interface AdoptionPlace {
  readonly owner: string;
  /** Records that become ours. */
  readonly take: readonly RecordText[];
  /** Records that are ours already. */
  readonly ours: readonly RecordText[];
  /** Records that stay somebody else's; without those of certificates of ours that share the service. */
  readonly foreign: readonly RecordText[];
}

/** What would come of it. */
export interface Adoption {
  /** The state file that cannot be read, and what is wrong with it; null: it can, or there is none. */
  readonly damaged: { readonly file: string; readonly message: string } | null;
  readonly places: readonly AdoptionPlace[];
  /** Of the records to take, those that match nothing of ours. */
  readonly strangers: readonly RecordText[];
}

/** Owner names looked at side by side. */
const OWNERS_AT_ONCE = 8;

/**
 * Looks, and changes nothing. Throws NOT_APPLICABLE when a record that was named is not served, STATE_NEWER, and what keeps
 * an owner name from being looked at.
 */
export async function considerAdoption(input: AdoptionInput): Promise<Adoption> {
  const { subject, stateDirectory, records } = input;
  const { before, damaged } = present(stateDirectory, subject.certificate.name);
  const seen = await mapLimited(
    subject.certificate.policy.owners,
    (owner) => observeOwner(subject, owner),
    OWNERS_AT_ONCE,
  );
  const isOurs = await provenance(subject, stateDirectory, before);
  const isTaken = (record: RecordText): boolean => records?.includes(record) ?? isOurs(record);
  const companions = companionRecords(subject, stateDirectory);
  const places = seen.map((view) => {
    const place = placeOf(view, before, isTaken);
    return { ...place, foreign: place.foreign.filter((record) => !companions.has(record)) };
  });
  requireServed(records ?? [], places);
  const strangers = union(...places.map(({ take }) => take)).filter((record) => !isOurs(record));
  return { damaged, places, strangers };
}

/**
 * Does it, under the lock, on a fresh look. Nothing is published, swapped or withdrawn here; the next tick goes on. Returns
 * where the damaged file is now; null: there was none. Throws STEER_OVERTAKEN, LOCK_HELD, and as {@link considerAdoption}
 * and writing the state do.
 */
export async function carryOutAdoption(input: AdoptionInput, told: Adoption): Promise<string | null> {
  const { stateDirectory, clock, subject } = input;
  const { name } = subject.certificate;
  prepareStateDirectory(stateDirectory, clock());
  return withLock(stateDirectory, clock(), async () => {
    const { damaged } = present(stateDirectory, name);
    if ((damaged === null) !== (told.damaged === null)) {
      throw new OperationalError("STEER_OVERTAKEN", `the state file of ${name} was changed meanwhile`);
    }
    if (damaged === null) {
      completeJournal(stateDirectory, name);
      await rebuild(input, told, null);
      return null;
    }
    const aside = `${damaged.file}.damaged-${stampOf(clock())}`;
    move(damaged.file, aside);
    try {
      await rebuild(input, told, aside);
    } catch (error) {
      move(aside, damaged.file);
      throw error;
    }
    return aside;
  });
}

interface Present {
  readonly before: RolloverState | null;
  readonly damaged: Adoption["damaged"];
}

function present(stateDirectory: string, certificate: string): Present {
  try {
    return { before: loadState(stateDirectory, certificate)?.state ?? null, damaged: null };
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== "STATE_DAMAGED") throw error;
    return { before: null, damaged: { file: stateFile(stateDirectory, certificate), message: error.message } };
  }
}

function placeOf(
  view: OwnerObservation,
  before: RolloverState | null,
  isTaken: (record: RecordText) => boolean,
): AdoptionPlace {
  // Half a look would make half a state: what is ours where nobody could look would be lost for good.
  if (view.outcome === "failed") throw OperationalError.of(view.fault);
  const answers = view.servers.flatMap(({ excluded, said }) => (excluded || said.outcome === "failed" ? [] : [said]));
  const served = union(...answers.map(({ records }) => records));
  const known = new Set(before?.owners.find(({ owner }) => owner === view.owner)?.ours ?? []);
  if (answers.length === 0) {
    const { said } = view.servers.find((server) => !server.excluded) ?? { said: null };
    if (said?.outcome === "failed") throw OperationalError.of(said.fault);
  }
  const others = served.filter((record) => !known.has(record));
  return {
    owner: view.owner,
    take: others.filter(isTaken),
    ours: served.filter((record) => known.has(record)),
    foreign: others.filter((record) => !isTaken(record)),
  };
}

/** Records of certificates of ours beside this one, at services that they share: nobody's to adopt. */
function companionRecords({ sharers }: Subject, stateDirectory: string): ReadonlySet<RecordText> {
  const states = sharers.map(({ name }) => present(stateDirectory, name).before);
  return new Set(states.flatMap((state) => state?.owners ?? []).flatMap(({ ours }) => ours));
}

function requireServed(records: readonly RecordText[], places: readonly AdoptionPlace[]): void {
  const served = new Set(places.flatMap(({ take, ours }) => [...take, ...ours]));
  const missing = records.filter((record) => !served.has(record));
  if (missing.length === 0) return;
  const hint = "daneward propagation OWNER shows what every name server serves";
  throw OperationalError.of(fault("NOT_APPLICABLE", `no name server serves ${missing.join(", ")}`, hint));
}

/**
 * Whether a record can have been published for nobody but us. What names an issuer, others' certificates match as well:
 * it counts where the configuration asks for such a record.
 */
async function provenance(
  { certificate, target, reread }: Subject,
  stateDirectory: string,
  before: RolloverState | null,
): Promise<(record: RecordText) => boolean> {
  const folder = vaultOf(stateDirectory, certificate.name);
  const source = await readSource(certificate.source, reread, keyFinder(folder));
  const chains: readonly ChainFacts[] = [
    ...viewStore(target, certificate.parameters).chains.map(({ facts }) => facts),
    ...(source.ok ? [factsOf(source.value, certificate.parameters)] : []),
    ...(before?.chains ?? []),
  ];
  const keys = listVault(folder).map((key) => standbyKeyOf(openVaultKey(folder, key).spki, certificate.parameters));
  const records = new Set([...chains, ...keys, ...(before?.standby ?? [])].flatMap((one) => one.records));
  return (record) =>
    records.has(record) ||
    (/^[13] /.test(record) && chains.some(({ certificates }) => matchesChain(record, certificates)));
}

/** Whatever the look finds, it leads to nothing but a state: the next tick decides. */
async function rebuild(input: AdoptionInput, told: Adoption, aside: string | null): Promise<void> {
  const { subject, stateDirectory, clock, who, because } = input;
  const { certificate } = subject;
  const before = loadState(stateDirectory, certificate.name);
  const { observation } = await observe(subject);
  const now = clock();
  const halted = fault("NOT_APPLICABLE", "records are being taken over");
  const looked = step(before?.state ?? null, { ...observation, halted }, certificate.policy, now).state;
  const state = requireTaken(looked, union(...told.places.map(({ take }) => take)), certificate);
  // In this order: killed in between, the next tick looks once too often.
  wakeCertificate(stateDirectory, certificate.name);
  const entries = told.places
    .filter(({ take }) => take.length > 0)
    .map(({ owner, take }) => entryOf(certificate, now, { by: who, because, owner, records: take }));
  const moved = aside === null ? [] : [entryOf(certificate, now, { by: who, because, "damaged-file": aside })];
  const saved = { certificate: certificate.name, savedAt: now, state, wakeAt: now, refusals: [] };
  saveWithJournal(stateDirectory, saved, [...moved, ...entries]);
}

function entryOf(
  { name }: CertificateConfig,
  at: Instant,
  detail: Readonly<Record<string, JsonValue>>,
): { at: Instant; certificate: string; event: string; detail: Readonly<Record<string, JsonValue>> } {
  return { at, certificate: name, event: "adopt", detail };
}

function requireTaken(
  state: RolloverState,
  records: readonly RecordText[],
  { name, policy }: CertificateConfig,
): RolloverState {
  const isWhole = policy.owners.every((owner) => state.owners.some((one) => one.owner === owner));
  const answered = state.owners.every((owner) => countingServers(owner).some((server) => server.records !== null));
  if (!isWhole || !answered) {
    throw new OperationalError("STEER_OVERTAKEN", `${name}: the name servers could not be asked any more`);
  }
  // What went in between is no loss: it is not there to be withdrawn.
  const still = new Set(state.owners.flatMap(servedRecords));
  const adopted = adopt(
    state,
    records.filter((record) => still.has(record)),
  );
  if (adopted.ok) return adopted.value;
  const { code, message, hint } = adopted.fault;
  throw OperationalError.of({ code, message: `${name}: ${message}`, hint });
}

/** `20261123T010203Z`. */
function stampOf(at: Instant): string {
  return formatInstant(at).replace(/\.\d+/, "").replace(/[-:]/g, "");
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (cause) {
    throw writeFailure(to, cause);
  }
  flushDirectory(path.dirname(to));
}
