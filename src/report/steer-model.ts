/** What the announcement of a verb is made of, and the words that several verbs use. */
import { formatDuration } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { ChainFacts, ChainId, RecordText } from "../rollover/chain.ts";
import type { Policy } from "../rollover/policy.ts";
import type { ActivePhase, OwnerState, RolloverState } from "../rollover/state.ts";
import { formatMoment, shortRecord } from "./words.ts";

export type SteerWord = "hold" | "resume" | "abort" | "rollback" | "override" | "roll" | "emergency" | "deinit";

/** What a verb makes of a state, with all that there is to say about it. */
export interface Prospect {
  readonly verb: SteerWord;
  readonly certificate: string;
  readonly before: RolloverState;
  readonly after: RolloverState;
  readonly policy: Policy;
  /** The link that servers read through, and what is run when it was flipped. */
  readonly deploy: string;
  readonly reload: readonly (readonly string[])[];
  readonly now: Instant;
  readonly outlook: Outlook;
  /** How a new certificate is had; used by `roll` and `emergency`. */
  readonly renewal: Renewal;
  /** Why nothing is done at all at present; null: nothing is in the way. */
  readonly frozen: string | null;
}

/** Figures about the chain that `after` leads to. */
export interface Outlook {
  /** When every cache knows its records; null: that wait has not begun. */
  readonly readyAt: Instant | null;
  /** How long that wait lasts, from when every name server serves its records. */
  readonly wait: Seconds;
  /** RRsets in caches under which a client refuses it. */
  readonly refusing: readonly CachedSet[];
  /** When no cache holds any TLSA record of these names, if none were served from now on. */
  readonly forgottenAt: Instant;
  /** The keys whose records are published ahead, and whether every cache knows them. */
  readonly standby: readonly { readonly spkiSha256: string; readonly everywhere: boolean }[];
}

export interface CachedSet {
  readonly owner: DomainName;
  readonly records: readonly RecordText[];
  /** When the last cache drops it; null: a name server still serves it. */
  readonly until: Instant | null;
  /** How long a cache keeps it after it was served for the last time. */
  readonly lifetime: Seconds;
}

export type Renewal =
  /** Configured: daneward runs it. */
  | { readonly kind: "runs"; readonly argv: readonly string[]; readonly limit: Seconds }
  | { readonly kind: "typed"; readonly command: string; readonly note: string };

/** Each entry one sentence without a full stop. */
export interface Announcement {
  readonly will: readonly string[];
  readonly costs: readonly string[];
  readonly then: readonly string[];
}

/** The phase that a hold interrupted, or the phase itself. */
export function activeOf({ phase }: RolloverState): ActivePhase {
  return phase.phase === "held" ? phase.resume : phase;
}

/** The chain of that id; null: not known any more. */
export function chainOf(state: RolloverState, id: ChainId | null): ChainFacts | null {
  return state.chains.find((chain) => chain.id === id) ?? null;
}

/** `key 9a590dfa`: enough to tell two apart. */
export function keyName(state: RolloverState, id: ChainId | null): string {
  if (id === null) return "no certificate of ours";
  const spki = chainOf(state, id)?.certificates[0]?.spkiSha256;
  return spki === undefined ? `certificate ${id.slice(0, 8)}` : `key ${spki.slice(0, 8)}`;
}

/** The same with the end of its certificate. */
export function keyWithEnd(state: RolloverState, id: ChainId | null, now: Instant): string {
  const chain = chainOf(state, id);
  if (chain === null) return keyName(state, id);
  const end = chain.notAfter <= now ? "expired" : "valid until";
  return `${keyName(state, id)} (${end} ${formatMoment(chain.notAfter, now)})`;
}

/** `3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org; …`: only what we published. */
export function recordsAt(owners: readonly OwnerState[], pick: (owner: OwnerState) => readonly RecordText[]): string {
  const places = owners.flatMap((owner) => {
    const records = pick(owner);
    return records.length === 0 ? [] : [`${records.map(shortRecord).join(" + ")} at ${displayName(owner.owner)}`];
  });
  return places.join("; ");
}

/** What a swap of the files does. */
export function flip({ deploy, reload }: Prospect): string {
  if (reload.length === 0) return `${deploy} is flipped (no reload is configured: the services must be told)`;
  const commands = reload.map((argv) => `"${argv.join(" ")}"`).join(", ");
  return `${deploy} is flipped, then ${commands} ${reload.length === 1 ? "is" : "are"} run`;
}

/** When the files are swapped if nothing is overridden. */
export function swapWhen({ outlook: { readyAt, wait }, now }: Prospect): string {
  if (readyAt === null) return `${formatDuration(wait)} after every name server serves its record`;
  if (readyAt <= now) return "as soon as every gate is open (every cache knows its record)";
  return `at ${formatMoment(readyAt, now)}, when every cache knows its record`;
}

/** Which clients refuse the chain, and until when. */
export function refusals({ outlook, now }: Prospect): readonly string[] {
  return outlook.refusing.map(({ owner, records, until, lifetime }) => {
    const held = `${displayName(owner)}: a DANE client that cached ${records.map(shortRecord).join(" + ")} refuses`;
    if (until !== null) return `${held} until ${formatMoment(until, now)}`;
    return `${held} for as long as a name server serves that, and up to ${formatDuration(lifetime)} after`;
  });
}

/** What becomes of a chain that was given up. */
export function notAgain({ certificate, after }: Prospect): string {
  const what = keyName(after, after.rejected);
  return `${what} is not deployed again before the source offers another certificate, or you type daneward resume ${certificate}`;
}

/** How what was said is acted on at once. */
export function goesOn({ certificate }: Prospect): string {
  return `daneward tick ${certificate} goes on at once (or --now here)`;
}

/** What becomes of a chain whose abort is taken back. */
export function takenUp({ before, now, policy, outlook }: Prospect, rejected: ChainId): string {
  const wait = formatDuration(outlook.wait);
  const rest =
    policy.owners.length === 0 ? "" : `; its files are swapped ${wait} after every name server serves its record`;
  return `take up ${keyWithEnd(before, rejected, now)} again, which was given up${rest}`;
}
