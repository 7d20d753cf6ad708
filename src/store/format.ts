/**
 * Version 2 of the state file, a closed format: what is not described here is refused, by its JSON path. It mirrors
 * `rollover/state.ts` field by field without being it, so that the types may move on while old files stay readable (`migrate.ts`).
 * Instants are RFC 3339 in UTC with milliseconds, durations whole seconds, names and records in their canonical text.
 */
import { assertNever } from "../base/assert.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { instant } from "../base/time.ts";
import type { ChainId } from "../rollover/chain.ts";
import type {
  ActivePhase,
  Emergency,
  OperatorWord,
  Override,
  Phase,
  RolloverState,
  StandbyKey,
} from "../rollover/state.ts";
import {
  decodeChain,
  decodeEndpoint,
  decodeOwner,
  decodeRefusal,
  decodeTrouble,
  encodeChain,
  encodeEndpoint,
  encodeOwner,
  encodeRefusal,
  encodeTrouble,
  readChainId,
  readHex,
  readRecord,
  time,
  timeOrNull,
} from "./format-parts.ts";
import { formatEntry, parseEntry } from "./journal.ts";
import type { JournalEntry } from "./journal.ts";
import {
  peek,
  readAs,
  readCount,
  readInstant,
  readList,
  readNullable,
  readObject,
  readOneOf,
  readSeconds,
  readText,
} from "./json-reader.ts";
import type { FaultList, JsonFields, JsonPlace } from "./json-reader.ts";
import { migrateV1 } from "./migrate.ts";
import type { SavedState } from "./store.ts";

const VERSION = 2;

/** How many faults a message names; one torn file may hold hundreds. */
const FAULTS_SHOWN = 5;

/** The text of a state file. */
export function encodeState(saved: SavedState): string {
  const content = {
    version: VERSION,
    certificate: saved.certificate,
    savedAt: time(saved.savedAt),
    state: encodeRollover(saved.state),
    wakeAt: timeOrNull(saved.wakeAt),
    refusals: saved.refusals.map(encodeRefusal),
    // Only between two moments of a tick, and after a crash there.
    ...(saved.unjournalled.length === 0 ? {} : { unjournalled: saved.unjournalled.map(formatEntry) }),
  };
  return `${JSON.stringify(content, null, 1)}\n`;
}

/** Reads a state file. Faults: STATE_DAMAGED, naming JSON paths, or STATE_NEWER. Never throws. */
export function decodeState(text: string): Result<SavedState, Fault> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return failure(fault("STATE_DAMAGED", `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`));
  }
  const faults: FaultList = [];
  let root: JsonPlace = { value, path: "$", faults };
  const version = peek(root, "version").value;
  if (typeof version === "number" && Number.isSafeInteger(version) && version > VERSION) {
    return failure(fault("STATE_NEWER", `format ${String(version)}, this daneward knows ${String(VERSION)}`));
  }
  if (version === 1) root = { ...root, value: migrateV1(value) };
  else if (version !== VERSION) {
    return failure(fault("STATE_DAMAGED", `$.version: expected a number from 1 to ${String(VERSION)}`));
  }
  const keys = ["version", "certificate", "savedAt", "state", "wakeAt", "refusals"];
  const isBehind = peek(root, "unjournalled").value !== undefined;
  const fields = readObject(root, isBehind ? [...keys, "unjournalled"] : keys);
  const saved: SavedState = {
    certificate: readText(fields.at("certificate")),
    savedAt: readInstant(fields.at("savedAt")),
    state: decodeRollover(fields.at("state")),
    wakeAt: readNullable(fields.at("wakeAt"), readInstant),
    refusals: readList(fields.at("refusals"), decodeRefusal),
    unjournalled: isBehind ? readList(fields.at("unjournalled"), decodeEntry) : [],
  };
  return faults.length === 0 ? success(saved) : failure(fault("STATE_DAMAGED", summary(faults)));
}

function decodeEntry(place: JsonPlace): JournalEntry {
  const none: JournalEntry = { at: instant(0), certificate: null, event: "", detail: {} };
  return readAs(place, "a line of the journal", parseEntry, none);
}

function summary(faults: FaultList): string {
  const rest = faults.length - FAULTS_SHOWN;
  const shown = faults.slice(0, FAULTS_SHOWN).join("; ");
  return rest > 0 ? `${shown}; and ${String(rest)} more` : shown;
}

// ---- the whole state ----------------------------------------------------------------------------------------------

function encodeRollover(state: RolloverState): Record<keyof RolloverState, unknown> {
  return {
    phase: encodePhase(state.phase),
    phaseSince: time(state.phaseSince),
    chains: state.chains.map(encodeChain),
    owners: state.owners.map(encodeOwner),
    endpoints: state.endpoints.map(encodeEndpoint),
    rejected: state.rejected,
    standby: state.standby.map(({ spkiSha256, records }) => ({ spkiSha256, records })),
    override: state.override === null ? null : encodeOverride(state.override),
    emergency: state.emergency === null ? null : encodeEmergency(state.emergency),
    compromised: state.compromised,
    teardown: state.teardown === null ? null : encodeWord(state.teardown),
    bypassedAt: timeOrNull(state.bypassedAt),
    troubles: state.troubles.map(encodeTrouble),
    lastStepAt: time(state.lastStepAt),
    lastUptime: state.lastUptime,
  };
}

const STATE_KEYS: readonly (keyof RolloverState)[] = [
  "phase",
  "phaseSince",
  "chains",
  "owners",
  "endpoints",
  "rejected",
  "standby",
  "override",
  "emergency",
  "compromised",
  "teardown",
  "bypassedAt",
  "troubles",
  "lastStepAt",
  "lastUptime",
];

function decodeRollover(place: JsonPlace): RolloverState {
  const fields = readObject(place, STATE_KEYS);
  return {
    phase: decodePhase(fields.at("phase")),
    phaseSince: readInstant(fields.at("phaseSince")),
    chains: readList(fields.at("chains"), decodeChain),
    owners: readList(fields.at("owners"), decodeOwner),
    endpoints: readList(fields.at("endpoints"), decodeEndpoint),
    rejected: readNullable(fields.at("rejected"), readChainId),
    standby: readList(fields.at("standby"), decodeStandby),
    override: readNullable(fields.at("override"), decodeOverride),
    emergency: readNullable(fields.at("emergency"), decodeEmergency),
    compromised: readList(fields.at("compromised"), (key) => readHex(key, 32)),
    teardown: readNullable(fields.at("teardown"), decodeWord),
    bypassedAt: readNullable(fields.at("bypassedAt"), readInstant),
    troubles: readList(fields.at("troubles"), decodeTrouble),
    lastStepAt: readInstant(fields.at("lastStepAt")),
    lastUptime: readNullable(fields.at("lastUptime"), readSeconds),
  };
}

function encodeWord({ at, because }: OperatorWord): Record<keyof OperatorWord, unknown> {
  return { at: time(at), because };
}

function decodeWord(place: JsonPlace): OperatorWord {
  return wordOf(readObject(place, ["at", "because"]));
}

function wordOf(fields: JsonFields): OperatorWord {
  return { at: readInstant(fields.at("at")), because: readText(fields.at("because")) };
}

function encodeOverride(override: Override): Record<keyof Override, unknown> {
  return { act: override.act, chain: override.chain, ...encodeWord(override) };
}

function decodeOverride(place: JsonPlace): Override {
  const fields = readObject(place, ["act", "chain", "at", "because"]);
  const act = readOneOf(fields.at("act"), ["swap", "withdraw"]);
  return { act, chain: readChainId(fields.at("chain")), ...wordOf(fields) };
}

function encodeEmergency(emergency: Emergency): Record<keyof Emergency, unknown> {
  return { spkiSha256: emergency.spkiSha256, ...encodeWord(emergency) };
}

function decodeEmergency(place: JsonPlace): Emergency {
  const fields = readObject(place, ["spkiSha256", "at", "because"]);
  return { spkiSha256: readHex(fields.at("spkiSha256"), 32), ...wordOf(fields) };
}

function decodeStandby(place: JsonPlace): StandbyKey {
  const fields = readObject(place, ["spkiSha256", "records"]);
  const records = readList(fields.at("records"), readRecord);
  return { spkiSha256: readHex(fields.at("spkiSha256"), 32), records };
}

// ---- phases -------------------------------------------------------------------------------------------------------

function encodePhase(phase: Phase): object {
  if (phase.phase !== "held") return encodeActive(phase);
  const { reason, detail, restoring, resume } = phase;
  return { phase: "held", resume: encodeActive(resume), reason, detail, restoring };
}

function encodeActive(phase: ActivePhase): object {
  switch (phase.phase) {
    case "stable":
      return { phase: "stable", current: phase.current };
    case "announcing":
      return { phase: "announcing", current: phase.current, next: phase.next };
    case "aging": {
      const { current, next, seenEverywhereAt } = phase;
      return { phase: "aging", current, next, seenEverywhereAt: time(seenEverywhereAt) };
    }
    case "deploying":
      return { phase: "deploying", current: phase.current, next: phase.next, flippedAt: timeOrNull(phase.flippedAt) };
    case "confirming":
      return {
        phase: "confirming",
        obsolete: phase.obsolete,
        current: phase.current,
        deployedAt: time(phase.deployedAt),
        rounds: phase.rounds,
        lastRoundAt: timeOrNull(phase.lastRoundAt),
        confirmedAt: timeOrNull(phase.confirmedAt),
        failingSince: timeOrNull(phase.failingSince),
      };
    case "withdrawing":
      return { phase: "withdrawing", obsolete: phase.obsolete, current: phase.current };
    default:
      return assertNever(phase);
  }
}

function decodePhase(place: JsonPlace): Phase {
  if (peek(place, "phase").value !== "held") return decodeActive(place);
  const fields = readObject(place, ["phase", "resume", "reason", "detail", "restoring"]);
  return {
    phase: "held",
    resume: decodeActive(fields.at("resume")),
    reason: readOneOf(fields.at("reason"), [
      "OPERATOR_HOLD",
      "RELOAD_FAILED",
      "CONFIRM_FAILED",
      "DEPLOY_FAILED",
      "FOREIGN_CHAIN_SERVED",
    ]),
    detail: readText(fields.at("detail")),
    restoring: readNullable(fields.at("restoring"), readChainId),
  };
}

function decodeActive(place: JsonPlace): ActivePhase {
  const names = ["stable", "announcing", "aging", "deploying", "confirming", "withdrawing"] as const;
  const phase = readOneOf(peek(place, "phase"), names);
  const open = (...keys: readonly string[]): JsonFields => readObject(place, ["phase", ...keys]);
  switch (phase) {
    case "stable":
      return { phase, current: readNullable(open("current").at("current"), readChainId) };
    case "announcing":
      return { phase, ...decodePair(open("current", "next")) };
    case "aging": {
      const fields = open("current", "next", "seenEverywhereAt");
      return { phase, ...decodePair(fields), seenEverywhereAt: readInstant(fields.at("seenEverywhereAt")) };
    }
    case "deploying": {
      const fields = open("current", "next", "flippedAt");
      return { phase, ...decodePair(fields), flippedAt: readNullable(fields.at("flippedAt"), readInstant) };
    }
    case "confirming": {
      const fields = open("obsolete", "current", "deployedAt", "rounds", "lastRoundAt", "confirmedAt", "failingSince");
      return {
        phase,
        obsolete: readNullable(fields.at("obsolete"), readChainId),
        current: readChainId(fields.at("current")),
        deployedAt: readInstant(fields.at("deployedAt")),
        rounds: readCount(fields.at("rounds")),
        lastRoundAt: readNullable(fields.at("lastRoundAt"), readInstant),
        confirmedAt: readNullable(fields.at("confirmedAt"), readInstant),
        failingSince: readNullable(fields.at("failingSince"), readInstant),
      };
    }
    case "withdrawing": {
      const fields = open("obsolete", "current");
      const obsolete = readNullable(fields.at("obsolete"), readChainId);
      return { phase, obsolete, current: readChainId(fields.at("current")) };
    }
    default:
      return assertNever(phase);
  }
}

function decodePair(fields: JsonFields): { readonly current: ChainId | null; readonly next: ChainId } {
  return { current: readNullable(fields.at("current"), readChainId), next: readChainId(fields.at("next")) };
}
