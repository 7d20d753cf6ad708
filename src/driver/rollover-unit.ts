/**
 * One certificate within one tick: observe, step, save the intent, perform, save the outcome, journal; and once more
 * while there is something to do at once. It may be killed between any two of these: the state names an intent before
 * anything is done about it, every action may be repeated, and the next tick looks afresh.
 */
import { assert } from "../base/assert.ts";
import { addSeconds, earliest, seconds } from "../base/time.ts";
import type { Clock, Instant } from "../base/time.ts";
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import type { Action } from "../rollover/actions.ts";
import type { ActionOutcome, Observation } from "../rollover/observation.ts";
import type { ChainId } from "../rollover/chain.ts";
import { recordOutcomes } from "../rollover/outcomes.ts";
import type { Refusal, RolloverState } from "../rollover/state.ts";
import { relevantChains } from "../rollover/turn.ts";
import { step } from "../rollover/step.ts";
import type { Step } from "../rollover/step.ts";
import { readFreeze } from "../store/freeze.ts";
import { appendJournal } from "../store/journal.ts";
import type { JournalEntry, JsonValue } from "../store/journal.ts";
import { stampFiles } from "../store/due-index.ts";
import { completeJournal, loadState, saveWithJournal } from "../store/store.ts";
import type { SavedRefusal, SavedState } from "../store/store.ts";
import { watchedFiles } from "./chain-files.ts";
import type { RereadOptions } from "./chain-files.ts";
import { faultOf, pruneStore } from "./deploy.ts";
import { groupIdOf } from "./group.ts";
import { updateHoldFile } from "./hold-file.ts";
import type { InTurn } from "./in-turn.ts";
import { mismatchEvents } from "./mismatch-events.ts";
import { observe } from "./observe.ts";
import type { Sight, Subject } from "./observe.ts";
import { isAborted, pause } from "./pause.ts";
import { perform } from "./perform.ts";
import type { ReloadOptions } from "./reload.ts";
import type { SharerIndex } from "./sharers.ts";
import { tidyVault } from "./standby.ts";
import { vaultOf } from "./vault.ts";
import type { World } from "./world.ts";

/** What every certificate of a tick shares. */
export interface TickSetting {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly world: World;
  readonly sharers: SharerIndex;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly reload: ReloadOptions;
  /** For deployments. */
  readonly inTurn: InTurn;
  readonly reread: RereadOptions;
  /** Milliseconds that a tick will wait for the next look while servers are being swapped; 0: leave that to the next tick. */
  readonly lingerMs: number;
  /** Told of each journal entry as it is written. */
  readonly onEvent: (entry: JournalEntry) => void;
  /** Told when a tick waits for the next look at a certificate. */
  readonly onLinger: (certificate: string, until: Instant) => void;
}

/** What a tick leaves behind of one certificate. */
export interface UnitEnding {
  readonly saved: SavedState;
  /** The source as it was before the last look. */
  readonly paths: readonly string[];
  readonly stamp: string;
}

/** More passes than this within one tick would be a circle; the next tick goes on. */
const MAX_PASSES = 20;

/** A certificate that has taken this long is left to the next tick: cron starts one every few minutes, and others wait. */
const LINGER_LIMIT_MS = 45_000;

/** Takes one certificate as far as it goes now. Null: interrupted before the first look was over. Throws OperationalError. */
export async function runUnit(setting: TickSetting, certificate: CertificateConfig): Promise<UnitEnding | null> {
  const subject = { ...subjectOf(setting, certificate), mayKeepKeys: true };
  for (const entry of completeJournal(setting.stateDirectory, certificate.name)) setting.onEvent(entry);
  let ending: UnitEnding | null = null;
  let seen: Observation | null = null;
  let lastActions = "";
  let acted = false;
  const started = setting.clock();
  for (let pass = 0; pass < MAX_PASSES && !setting.signal.aborted; pass++) {
    const paths = watchedFiles(certificate);
    const stamp = stampFiles(paths);
    const before = loadState(setting.stateDirectory, certificate.name);
    const sight = await observe(subject);
    // Interrupted questions look like silent servers: nothing may be concluded from them.
    if (isAborted(setting.signal)) break;
    const { saved, outcomes, actions } = await takeStep(setting, subject, sight, before);
    // What this pass deployed shows in the next, which follows at once.
    if (certificate.holdFile !== null) updateHoldFile(certificate.holdFile, sight.observation);
    ending = { saved, paths, stamp };
    seen = sight.observation;
    acted ||= actions.length > 0;
    const actionsText = JSON.stringify(actions);
    const moved = before === null || before.state.phase.phase !== saved.state.phase.phase;
    // What was just done shows at once or after the poll interval; asking again and again for the same would be a race.
    const didSomethingNew =
      actions.length > 0 && actionsText !== lastActions && outcomes.every((outcome) => outcome.fault === null);
    lastActions = actionsText;
    // Measured from the step, not from now: slow servers must not turn a poll interval that has passed into a loop.
    const isDue = saved.wakeAt !== null && saved.wakeAt <= saved.state.lastStepAt;
    if (moved || didSomethingNew || isDue) continue;
    const mayLinger = setting.clock() - started < LINGER_LIMIT_MS;
    if (!mayLinger || !(await linger(setting, saved))) break;
  }
  if (ending !== null && seen !== null && readFreeze(setting.stateDirectory) === null) {
    if (acted) prune(setting, subject, ending.saved.state);
    pruneVault(setting, subject, ending.saved.state, seen);
  }
  return ending;
}

/** The observation and the step of a dry run: what would be done, with nothing saved and nothing done. */
export async function previewUnit(setting: TickSetting, certificate: CertificateConfig): Promise<Step> {
  const sight = await observe(subjectOf(setting, certificate));
  const before = loadState(setting.stateDirectory, certificate.name);
  return step(before?.state ?? null, sight.observation, certificate.policy, setting.clock());
}

/** Everything `observe` wants to know about a certificate. Throws KEY_GROUP_UNKNOWN. */
export function subjectOf(
  setting: Pick<TickSetting, "configuration" | "stateDirectory" | "world" | "sharers" | "clock" | "signal" | "reread">,
  certificate: CertificateConfig,
): Subject {
  const publisher = setting.configuration.publishers.get(certificate.publisher);
  assert(publisher !== undefined, `the configuration names no publisher "${certificate.publisher}"`);
  const keyGroupId = certificate.keyGroup === null ? null : groupIdOf(certificate.keyGroup);
  const { stateDirectory, world, clock, signal, reread } = setting;
  const target = { link: certificate.deploy, keyGroupId };
  const sharers = setting.sharers(certificate);
  return { certificate, publisher, target, stateDirectory, sharers, world, clock, signal, reread };
}

interface Pass {
  readonly saved: SavedState;
  readonly actions: readonly Action[];
  readonly outcomes: readonly ActionOutcome[];
}

async function takeStep(
  setting: TickSetting,
  subject: Subject,
  sight: Sight,
  before: SavedState | null,
): Promise<Pass> {
  const { certificate, publisher, target } = subject;
  const now = setting.clock();
  const stepped = step(before?.state ?? null, sight.observation, certificate.policy, now);
  const events = [
    ...stepped.events.map((event) => ({ event: event.event, detail: detailOfEvent(event, stepped.state) })),
    ...mismatchEvents(before?.refusals ?? [], stepped.refusals, sight.observation.endpoints ?? []),
  ].map((event) => ({ at: now, certificate: certificate.name, ...event }));
  const intent = save(
    setting,
    {
      certificate: certificate.name,
      savedAt: now,
      state: stepped.state,
      wakeAt: wakeAfter(stepped, sight, certificate, now),
      refusals: sinceWhen([...stepped.refusals, ...nextKeyRefusals(stepped, sight)], before?.refusals ?? [], now),
    },
    events,
    stepped.actions.map((action) => cutShort(certificate.name, action, now)),
  );
  if (stepped.actions.length === 0) return { saved: intent, actions: [], outcomes: [] };
  // Frozen since the look: what was intended is left undone, as by a tick that was killed here.
  if (readFreeze(setting.stateDirectory) !== null) {
    return { saved: save(setting, intent, []), actions: stepped.actions, outcomes: [] };
  }
  const { world, clock, reload, inTurn } = setting;
  const { publishers } = setting.configuration;
  const tools = { certificate, publisher, publishers, target, world, clock, reload, inTurn, source: sight.source };
  const outcomes = await perform(stepped.actions, tools);
  const saved = save(
    setting,
    { ...intent, savedAt: clock(), state: recordOutcomes(stepped.state, outcomes) },
    outcomes.flatMap((outcome, at) => outcomeEntry(certificate.name, stepped.actions[at], outcome, stepped.state)),
  );
  return { saved, actions: stepped.actions, outcomes };
}

/** A rollover is confirmed long before it is over, a first deployment at its end: the name alone does not tell. */
function detailOfEvent({ event, detail }: Step["events"][number], { phase }: RolloverState): JournalEntry["detail"] {
  return event === "confirmed" ? { detail, to: phase.phase } : { detail };
}

/** No gate of the core: a next key that cannot be had holds nothing up. But somebody relies on it. */
function nextKeyRefusals({ state }: Step, { observation: { standby } }: Sight): readonly Refusal[] {
  if (standby?.outcome !== "failed") return [];
  // A client that was just told to keep a next key makes its first one at the next renewal.
  if (standby.fault.code === "FILE_NOT_FOUND" && state.standby.length === 0) return [];
  return [{ gate: "policy", code: "NEXT_KEY_UNUSABLE", until: null, detail: standby.fault.message }];
}

/** Files that could not be read may be half renewed: that is looked at again soon, whatever the step waits for. */
function wakeAfter(stepped: Step, { observation }: Sight, certificate: CertificateConfig, now: Instant): Instant {
  if (observation.source.outcome === "chain" && observation.standby?.outcome !== "failed") return stepped.wakeAt;
  return earliest(stepped.wakeAt, addSeconds(now, certificate.policy.pollInterval)) ?? stepped.wakeAt;
}

function sinceWhen(
  refusals: readonly Refusal[],
  before: readonly SavedRefusal[],
  now: Instant,
): readonly SavedRefusal[] {
  return refusals.map((refusal) => {
    const standing = before.find((other) => other.gate === refusal.gate && other.code === refusal.code);
    return { ...refusal, since: standing?.since ?? now };
  });
}

/** A failure that stands is journalled once, when it appears or changes, not at every tick. */
function outcomeEntry(
  certificate: string,
  action: Action | undefined,
  outcome: ActionOutcome,
  before: RolloverState,
): readonly JournalEntry[] {
  const subject = "owner" in outcome ? `${outcome.kind} ${outcome.owner}` : outcome.kind;
  const problem = outcome.fault;
  if (problem === null) {
    const notes = "notes" in outcome ? outcome.notes.map(({ code, message }) => `${code}: ${message}`) : [];
    const told = notes.length === 0 ? {} : { notes };
    return [
      { at: outcome.at, certificate, event: outcome.kind, detail: { ...detailOf(action), result: "done", ...told } },
    ];
  }
  const standing = before.troubles.find((trouble) => trouble.subject === subject);
  if (standing?.code === problem.code) return [];
  const detail = { ...detailOf(action), result: "failed", code: problem.code, detail: problem.message };
  return [{ at: outcome.at, certificate, event: outcome.kind, detail }];
}

/** What the next tick says of an action when this one is killed before it can say how it went. */
function cutShort(certificate: string, action: Action, at: Instant): JournalEntry {
  const detail = `${action.kind} was begun, and this program ended before it knew how that went; what came of it is seen`;
  return { at, certificate, event: "cut-short", detail: { action: action.kind, ...detailOf(action), detail } };
}

function detailOf(action: Action | undefined): Readonly<Record<string, JsonValue>> {
  switch (action?.kind) {
    case "publish":
      return { owner: action.finalOwner, zone: action.zone, ttl: action.ttl, records: action.add };
    case "withdraw":
      return { owner: action.finalOwner, zone: action.zone, records: action.remove };
    case "store":
    case "deploy":
      return { chain: action.chain };
    case undefined:
      return {};
  }
}

function save(
  setting: TickSetting,
  state: Omit<SavedState, "unjournalled">,
  entries: readonly JournalEntry[],
  otherwise: readonly JournalEntry[] = [],
): SavedState {
  const saved = saveWithJournal(setting.stateDirectory, state, entries, otherwise);
  for (const entry of entries) setting.onEvent(entry);
  return saved;
}

function journal(setting: TickSetting, entries: readonly JournalEntry[]): void {
  appendJournal(setting.stateDirectory, entries);
  for (const entry of entries) setting.onEvent(entry);
}

/**
 * While servers are between two chains, the next look is worth waiting for: a reload that went wrong is found, and
 * undone, within seconds and not at the next cron minute. False: leave it to the next tick.
 */
async function linger(setting: TickSetting, saved: SavedState): Promise<boolean> {
  const { phase } = saved.state;
  if (phase.phase !== "deploying" && phase.phase !== "confirming") return false;
  // What could not be shown to the servers (a full disk) leaves them as they were: nobody waits for that.
  if (phase.phase === "deploying" && phase.flippedAt === null) return false;
  if (saved.wakeAt === null || awaitsServices(saved.state)) return false;
  const wait = saved.wakeAt - setting.clock();
  if (wait > setting.lingerMs) return false;
  setting.onLinger(saved.certificate, saved.wakeAt);
  await pause(Math.max(0, wait), setting.signal);
  return !isAborted(setting.signal);
}

/** First files that no service has shown yet: nothing was taken from anybody, and no wait of ours brings them to read. */
function awaitsServices({ phase }: RolloverState): boolean {
  return phase.phase === "confirming" && phase.obsolete === null && phase.rounds === 0;
}

function prune(setting: TickSetting, subject: Subject, state: RolloverState): void {
  journalRemoved(setting, subject, () => {
    const versions = pruneStore(subject.target, neededChains(state));
    return versions.length === 0 ? null : { event: "prune", detail: { versions } };
  });
}

/** Looked at after every look, since records leave caches by themselves. Mostly there is no vault at all. */
function pruneVault(setting: TickSetting, subject: Subject, state: RolloverState, seen: Observation): void {
  const { stateDirectory, certificate } = subject;
  const offered = seen.source.outcome === "chain" ? seen.source.chain : null;
  const folder = vaultOf(stateDirectory, certificate.name);
  const view = { folder, state, deployed: seen.deployed, offered, now: setting.clock() };
  journalRemoved(setting, subject, () => {
    const keys = tidyVault(view);
    const detail = `no cache knows them any more: ${keys.join(", ")}`;
    return keys.length === 0 ? null : { event: "keys-removed", detail: { keys, detail } };
  });
}

/** What cannot be removed harms nothing: said in the journal, tried again another time. */
function journalRemoved(
  setting: TickSetting,
  subject: Subject,
  remove: () => Pick<JournalEntry, "event" | "detail"> | null,
): void {
  const at = setting.clock();
  const certificate = subject.certificate.name;
  try {
    const removed = remove();
    if (removed !== null) journal(setting, [{ at, certificate, ...removed }]);
  } catch (error) {
    const { code, message } = faultOf(error);
    journal(setting, [{ at, certificate, event: "prune", detail: { result: "failed", code, detail: message } }]);
  }
}

/**
 * The chains in play, and those whose records caches may still hold. Of several chains with the same records (renewals
 * that kept the key) the one in play is as good a way back as the others.
 */
function neededChains(state: RolloverState): readonly ChainId[] {
  const inPlay = new Set(relevantChains(state.phase));
  const covered = new Set(state.chains.filter(({ id }) => inPlay.has(id)).flatMap(({ records }) => records));
  return state.chains
    .filter(({ id, records }) => inPlay.has(id) || records.some((record) => !covered.has(record)))
    .map(({ id }) => id);
}

/** When a certificate whose look failed altogether is tried again. */
export function retryAt(certificate: CertificateConfig, now: Instant): Instant {
  return addSeconds(now, seconds(Math.max(1, certificate.policy.pollInterval)));
}
