/**
 * What an operator does by hand: to one certificate (`hold`, `resume`, `abort`, `rollback`, `override`, `roll`, `deinit`)
 * and to everything (`freeze`, `thaw`). What comes of a verb is worked out first, for the operator to read; it is then
 * done under the lock, on condition that it is still what was read, and is on record with who and why.
 */
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Clock, Instant } from "../base/time.ts";
import type { CertificateConfig } from "../config/schema.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import { abort, declareEmergency, hold, override, resume, rollBack, tearDown } from "../rollover/operator.ts";
import type { RolloverState } from "../rollover/state.ts";
import { ensureDirectory } from "../store/atomic-file.ts";
import { findFreeze, freezeFault, journalFreeze, readFreeze, removeFreeze, writeFreeze } from "../store/freeze.ts";
import type { Freeze } from "../store/freeze.ts";
import { appendJournal } from "../store/journal.ts";
import type { JsonValue } from "../store/journal.ts";
import { withLock } from "../store/lock.ts";
import { completeJournal, loadState, prepareStateDirectory, saveWithJournal } from "../store/store.ts";
import type { SavedState } from "../store/store.ts";
import { viewStore } from "./deploy.ts";
import { wakeCertificate } from "./due.ts";

/** `roll` wants a new certificate, `emergency` is a `roll` because the key that is live can be trusted no more. */
export type SteerVerb = "hold" | "resume" | "abort" | "rollback" | "override" | "roll" | "emergency" | "deinit";

/** Who says something, and why. */
export interface Saying {
  /** The operator's login name. */
  readonly who: string;
  /** Why, in the operator's words; empty: not said. */
  readonly because: string;
  readonly stateDirectory: string;
  readonly clock: Clock;
}

export interface SteerInput extends Saying {
  readonly verb: SteerVerb;
  readonly certificate: CertificateConfig;
}

/** What a verb makes of a state. */
export interface Steering {
  readonly before: RolloverState;
  readonly after: RolloverState;
}

/** What would come of it; changes nothing. Throws NEVER_SEEN, and NOT_APPLICABLE where the verb does not apply. */
export function considerSteering(input: SteerInput): Steering {
  const before = loadExisting(input);
  return { before: before.state, after: steered(input, before, input.clock()).state };
}

/**
 * Does it, provided that the rollover still stands where it did when the operator was told. Returns what came of it.
 * Throws NEVER_SEEN, NOT_APPLICABLE, STEER_OVERTAKEN, LOCK_HELD, and as writing the state does.
 */
export async function steer(input: SteerInput, told: Steering): Promise<Steering> {
  const { stateDirectory, clock } = input;
  const certificate = input.certificate.name;
  prepareStateDirectory(stateDirectory, clock());
  return withLock(stateDirectory, clock(), () => {
    const now = clock();
    completeJournal(stateDirectory, certificate);
    const before = loadExisting(input);
    if (standing(before.state) !== standing(told.before)) {
      const change = `it was ${told.before.phase.phase} and is ${before.state.phase.phase} now`;
      throw new OperationalError("STEER_OVERTAKEN", `${certificate} went on meanwhile: ${change}`);
    }
    const saved = steered(input, before, now);
    // In this order: killed in between, the next tick looks once too often.
    wakeCertificate(stateDirectory, certificate);
    const entry = { at: now, certificate, event: input.verb, detail: detailOf(input, before.state, saved.state) };
    saveWithJournal(stateDirectory, saved, [entry]);
    return Promise.resolve({ before: before.state, after: saved.state });
  });
}

/** What of a state decides what a verb does to it: a round of proof more or less does not. */
function standing({ phase, rejected, override, emergency, teardown }: RolloverState): string {
  const active = phase.phase === "held" ? phase.resume : phase;
  const chains = [active.current, "next" in active ? active.next : null, "obsolete" in active ? active.obsolete : null];
  return JSON.stringify([phase.phase, active.phase, chains, rejected, override, emergency, teardown]);
}

function detailOf(
  { who, because, verb }: SteerInput,
  before: RolloverState,
  after: RolloverState,
): Readonly<Record<string, JsonValue>> {
  const detail = { by: who, because, from: before.phase.phase, to: after.phase.phase };
  if (verb === "override" && after.override !== null) {
    return { ...detail, act: after.override.act, chain: after.override.chain };
  }
  return verb === "emergency" && after.emergency !== null ? { ...detail, key: after.emergency.spkiSha256 } : detail;
}

function loadExisting({ stateDirectory, certificate: { name } }: SteerInput): SavedState {
  const saved = loadState(stateDirectory, name);
  if (saved !== null) return saved;
  throw new OperationalError("NEVER_SEEN", `there is no state of "${name}" yet`, {
    retry: "never",
    hint: `daneward tick ${name} takes the first look`,
  });
}

/** The refusals of the last step no longer say what is so; the next tick finds new ones. */
function steered(input: SteerInput, before: SavedState, now: Instant): SavedState {
  const result = apply(input, before.state, now);
  if (result.ok) return { ...before, savedAt: now, state: result.value, wakeAt: now, refusals: [] };
  const { code, message, hint } = result.fault;
  const { name } = input.certificate;
  throw OperationalError.of({ code, message: `${name}: ${message}`, hint: hint.replace(/\bCERT\b/g, name) });
}

function apply(input: SteerInput, state: RolloverState, now: Instant): Result<RolloverState, Fault> {
  const { who, because } = input;
  const said = because === "" ? `by ${who}` : `${because} (by ${who})`;
  switch (input.verb) {
    case "hold":
      return hold(state, now, said);
    case "resume":
      return resume(state, now);
    case "abort":
      return abort(state, now);
    case "rollback":
      return rollBack(state, storedChains(input.certificate), now);
    case "override":
      return override(state, now, said);
    case "emergency":
      return declareEmergency(state, now, said);
    case "deinit":
      return tearDown(state, now, said);
    case "roll":
      return rollOn(input, state, now);
  }
}

/** Without a command of ours that renews, what was aborted is all there is: it is taken up again. */
function rollOn(input: SteerInput, state: RolloverState, now: Instant): Result<RolloverState, Fault> {
  const { renew } = input.certificate;
  if (state.phase.phase === "held") {
    const hint = "daneward resume CERT first: a new certificate would only wait as well";
    return failure(fault("NOT_APPLICABLE", `it is held: ${state.phase.reason}`, hint));
  }
  const freeze = renew === null ? null : readFreeze(input.stateDirectory);
  if (freeze !== null) {
    return failure(fault("NOT_APPLICABLE", freezeFault(freeze).message, "daneward thaw first, or renew by hand"));
  }
  return state.rejected === null || renew !== null ? success(state) : resume(state, now);
}

/** Chains of which complete files are kept, the newest first. Throws DEPLOY_BLOCKED and DEPLOY_UNSAFE. */
function storedChains({ deploy, parameters }: CertificateConfig): readonly ChainFacts[] {
  const { chains, blocked } = viewStore({ link: deploy, keyGroupId: null }, parameters);
  if (blocked !== null) throw OperationalError.of(blocked);
  const newest = new Map(chains.map(({ facts }) => [facts.id, facts]));
  return [...newest.values()].reverse();
}

// ---- everything ---------------------------------------------------------------------------------------------------

/**
 * Stops everything at once, also a tick that is at work: it ends what it is about, and begins nothing else. Returns who
 * holds the lock, who then writes the journal; null: nobody did. Throws NOT_APPLICABLE when it is frozen already,
 * and PERMISSION_DENIED.
 */
export async function freezeAll({ who, because, stateDirectory, clock }: Saying): Promise<string | null> {
  const standing = findFreeze(stateDirectory);
  if (standing !== null) {
    throw OperationalError.of(fault("NOT_APPLICABLE", freezeFault(standing).message, "daneward thaw lets it go on"));
  }
  ensureDirectory(stateDirectory);
  writeFreeze(stateDirectory, { at: clock(), by: who, because });
  try {
    await withLock(stateDirectory, clock(), () => Promise.resolve(journalFreeze(stateDirectory)));
    return null;
  } catch (error) {
    if (error instanceof OperationalError && error.code === "LOCK_HELD") return error.message;
    throw error;
  }
}

/** Lets everything go on; returns what had stopped it. Throws NOT_APPLICABLE when nothing did, and LOCK_HELD. */
export async function thawAll({ who, because, stateDirectory, clock }: Saying): Promise<Freeze> {
  if (findFreeze(stateDirectory) !== null) prepareStateDirectory(stateDirectory, clock());
  else throw OperationalError.of(fault("NOT_APPLICABLE", "nothing is frozen", "daneward status shows what is so"));
  return withLock(stateDirectory, clock(), () => {
    const lifted = readFreeze(stateDirectory);
    if (lifted === null) throw OperationalError.of(fault("NOT_APPLICABLE", "somebody else has just thawed it"));
    journalFreeze(stateDirectory);
    // First on record: killed in between it is still frozen, and thaw is typed again.
    const detail = { by: who, because };
    appendJournal(stateDirectory, [{ at: clock(), certificate: null, event: "thaw", detail }]);
    removeFreeze(stateDirectory);
    return Promise.resolve(lifted);
  });
}
