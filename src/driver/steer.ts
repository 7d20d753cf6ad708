/** What an operator does to a rollover by hand: `hold`, `resume`, `abort`. Under the lock, and on record with who and why. */
import { OperationalError } from "../base/errors.ts";
import type { Clock, Instant } from "../base/time.ts";
import { abort, hold, resume } from "../rollover/operator.ts";
import type { RolloverState } from "../rollover/state.ts";
import { readDueIndex, writeDueIndex } from "../store/due-index.ts";
import { withLock } from "../store/lock.ts";
import { completeJournal, loadState, prepareStateDirectory, saveWithJournal } from "../store/store.ts";
import type { SavedState } from "../store/store.ts";

export type SteerVerb = "hold" | "resume" | "abort";

export interface SteerInput {
  readonly verb: SteerVerb;
  readonly certificate: string;
  /** Why, in the operator's words; empty: not said. */
  readonly because: string;
  /** The operator's login name. */
  readonly who: string;
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** Say what would come of it, change nothing. */
  readonly dryRun: boolean;
}

/** The state afterwards. Throws NEVER_SEEN, LOCK_HELD, and the refusals of the core (NOT_APPLICABLE). */
export async function steer(input: SteerInput): Promise<RolloverState> {
  const { stateDirectory, clock } = input;
  if (input.dryRun) return steered(input, loadExisting(input), clock()).state;
  prepareStateDirectory(stateDirectory, clock());
  return withLock(stateDirectory, clock(), () => {
    const now = clock();
    completeJournal(stateDirectory, input.certificate);
    const before = loadExisting(input);
    const saved = steered(input, before, now);
    // In this order: killed in between, the next tick looks once too often.
    wake(stateDirectory, input.certificate, now);
    const detail = {
      by: input.who,
      because: input.because,
      from: before.state.phase.phase,
      to: saved.state.phase.phase,
    };
    const entry = { at: now, certificate: input.certificate, event: input.verb, detail };
    saveWithJournal(stateDirectory, saved, [entry]);
    return Promise.resolve(saved.state);
  });
}

function loadExisting(input: SteerInput): SavedState {
  const saved = loadState(input.stateDirectory, input.certificate);
  if (saved !== null) return saved;
  throw new OperationalError("NEVER_SEEN", `there is no state of "${input.certificate}" yet`, {
    retry: "never",
    hint: `daneward tick ${input.certificate} takes the first look`,
  });
}

/** The refusals of the last step no longer say what is so; the next tick finds new ones. */
function steered(input: SteerInput, before: SavedState, now: Instant): SavedState {
  const result = apply(input, before.state, now);
  if (!result.ok) throw OperationalError.of(result.fault);
  return { ...before, savedAt: now, state: result.value, wakeAt: now, refusals: [] };
}

function apply(input: SteerInput, state: RolloverState, now: Instant): ReturnType<typeof hold> {
  switch (input.verb) {
    case "hold":
      return hold(state, now, input.because === "" ? `by ${input.who}` : `${input.because} (by ${input.who})`);
    case "resume":
      return resume(state, now);
    case "abort":
      return abort(state, now);
  }
}

/** The next tick looks at it, whatever it was waiting for. Without an index it looks at everything anyway. */
function wake(stateDirectory: string, certificate: string, now: Instant): void {
  const index = readDueIndex(stateDirectory);
  if (index === null) return;
  const entries = index.entries.map((entry) => (entry.certificate === certificate ? { ...entry, wakeAt: now } : entry));
  writeDueIndex(stateDirectory, { ...index, entries });
}
