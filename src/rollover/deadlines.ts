/**
 * Whether a rollover fits into the life of a certificate. An ACME client renews some time before the old certificate
 * ends; until then the new records must have reached every name server, aged, and the servers must have been swapped
 * and seen. Time that runs out is never made up for by swapping early: that would turn away every client with a cached
 * RRset, while an expired certificate turns away only those that look at dates. RFC 7671 §5.1 and RFC 7672 §3.1.1: for
 * 3 x x the expiry date is ignored, so that mail between servers goes on; browsers and mail programs refuse.
 *
 * Four questions, asked at configuration time and of a unit that runs:
 * D1 does a rollover fit between renewal and expiry, one mishap included; D2 who would suffer if it did not; D3 is the
 * wait on the critical path at all (not when a renewal keeps its records, nor when the next key is published ahead);
 * D4 do signatures end before the wait does.
 */
import { addSeconds, formatSecond, instant, seconds, secondsBetween } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ChainFacts } from "./chain.ts";
import type { OwnerObservation } from "./observation.ts";
import type { Policy } from "./policy.ts";
import { RULES } from "./rules.ts";
import type { Rules } from "./rules.ts";
import type { Phase, Refusal } from "./state.ts";

/** What the waits of a rollover depend on. */
export interface Waits {
  readonly policy: Policy;
  /** The largest TTL that the RRsets are served with now; null: none was seen, the configured one counts. */
  readonly ttlSeen: Seconds | null;
  /** The longest time between two runs of the driver. */
  readonly tickInterval: Seconds;
  /** A renewal finds its records in every cache already, because it keeps them or because they are published ahead. */
  readonly isAhead: boolean;
}

/** The time that a rollover needs from the renewal to the proof on the servers, by what it goes to. */
export interface Need {
  /** The driver notices the renewal, sees the records everywhere, and acts when the wait is over: a run late each time. */
  readonly ticks: Seconds;
  readonly propagation: Seconds;
  readonly wait: Seconds;
  readonly confirmation: Seconds;
  readonly total: Seconds;
}

export interface Deadlines {
  /** How long a certificate lives. */
  readonly life: Seconds;
  /** When the client will probably renew this one. */
  readonly renewal: Instant;
  /** From there to its end. */
  readonly room: Seconds;
  readonly need: Need;
  /** With one restart of the wait, as one server that falls back, or a clock that is set, brings about. */
  readonly needWithMishap: Seconds;
  /** The last moment at which a renewal can come and be swapped in before this certificate ends, with no mishap. */
  readonly latestStart: Instant;
  /** `off-path`: no wait stands between renewal and swap. `tight`: it fits as long as nothing has to start again. */
  readonly verdict: "off-path" | "fits" | "tight" | "too-short";
  /** The largest TTL with which it would fit, one mishap included; null: none does. */
  readonly largestTtl: Seconds | null;
}

/** Clients renew with a third of the life left (certbot since 4.0, lego, Caddy); most from there on try daily. */
const RENEWED_AT = 2 / 3;

/** That of the timer and the cron line that come with the program; no official reference. */
export const USUAL_TICK_INTERVAL = seconds(600);

/** A run of the driver is late three times: at the renewal, at the sight of the last name server, at the wait's end. */
const LATE_RUNS = 3;

/** TTLs below this are no advice: each sender would ask again and again. */
const SMALLEST_TTL = seconds(60);

/** What a rollover needs with the RRset's TTL as given. */
export function rolloverNeed(waits: Waits, ttl: Seconds, rules: Rules = RULES): Need {
  const { policy, tickInterval, isAhead } = waits;
  const ticks = seconds((isAhead ? 1 : LATE_RUNS) * tickInterval);
  const propagation = isAhead ? seconds(0) : policy.propagationDelay;
  // T4, over the larger of what is served and what will be.
  const wait = isAhead ? seconds(0) : rules.agingTime(seconds(Math.max(ttl, policy.cacheFloor)), policy);
  const confirmation = seconds(policy.confirmRounds * policy.confirmInterval);
  return {
    ticks,
    propagation,
    wait,
    confirmation,
    total: seconds(ticks + propagation + wait + confirmation),
  };
}

/**
 * How long a phase takes when nothing goes wrong, a run of the driver late each time; null: it may last for ever. The
 * confirmation includes the time for which the old record is kept after it.
 */
export function phaseTime(phase: Phase["phase"], waits: Waits, rules: Rules = RULES): Seconds | null {
  const { policy, tickInterval } = waits;
  const { propagation, wait, confirmation } = rolloverNeed(waits, ttlOf(waits), rules);
  switch (phase) {
    case "stable":
    case "held":
      return null;
    case "announcing":
      return seconds(tickInterval + propagation);
    case "aging":
      return seconds(tickInterval + wait);
    case "deploying":
      return tickInterval;
    case "confirming":
      return seconds(tickInterval + confirmation + policy.retireSafety);
    case "withdrawing":
      return seconds(tickInterval + policy.propagationDelay);
  }
}

/** D1 and D3 for certificates like this one. */
export function deadlines(
  waits: Waits,
  chain: Pick<ChainFacts, "notBefore" | "notAfter">,
  rules: Rules = RULES,
): Deadlines {
  const life = secondsBetween(chain.notBefore, chain.notAfter);
  const renewal = addSeconds(chain.notBefore, seconds(life * RENEWED_AT));
  const room = secondsBetween(renewal, chain.notAfter);
  const need = rolloverNeed(waits, ttlOf(waits), rules);
  const needWithMishap = withMishap(need);
  return {
    life,
    renewal,
    room,
    need,
    needWithMishap,
    latestStart: instant(chain.notAfter - need.total * 1000),
    verdict: waits.isAhead ? "off-path" : needWithMishap <= room ? "fits" : need.total <= room ? "tight" : "too-short",
    largestTtl: largestTtl(waits, room, rules),
  };
}

/** The configured TTL is published from the next rollover on; what is served now is waited for until then. */
function ttlOf({ policy, ttlSeen }: Waits): Seconds {
  return seconds(Math.max(policy.ttl, ttlSeen ?? 0));
}

/** The second time through, the records have only to be seen again and to age again. */
function withMishap({ total, propagation, wait }: Need): Seconds {
  return seconds(total + propagation + wait);
}

/** The wait grows with the TTL, so that halving the span finds the largest; told in whole minutes or hours. */
function largestTtl(waits: Waits, room: Seconds, rules: Rules): Seconds | null {
  const fits = (ttl: number): boolean => withMishap(rolloverNeed(waits, seconds(ttl), rules)) <= room;
  if (!fits(SMALLEST_TTL)) return null;
  let low: number = SMALLEST_TTL;
  let high = Math.max(room, SMALLEST_TTL + 1);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  const unit = low >= 3600 ? 3600 : 60;
  return seconds(Math.floor(low / unit) * unit);
}

/** Where a unit stands between now and the end of its certificate. */
export type Standing =
  /** Nothing has to be waited for when a renewal comes. */
  | { readonly kind: "off-path"; readonly renewal: Instant }
  /** `latestStart`: a renewal with new records must be there by then. */
  | { readonly kind: "in-time"; readonly renewal: Instant; readonly latestStart: Instant }
  /** Nothing is staged, and whatever came now would end its wait after the certificate's end. */
  | { readonly kind: "infeasible"; readonly latestStart: Instant; readonly readyAt: Instant }
  /** A renewal is under way; `late`: it will be ready too late. */
  | { readonly kind: "staged"; readonly readyAt: Instant | null; readonly late: boolean }
  | { readonly kind: "expired"; readonly since: Instant };

/** What is staged: a next chain, and when its records have aged where that is known. */
export interface Staged {
  readonly readyAt: Instant | null;
}

/** Where the unit stands. `staged` null: no renewal has been seen. */
export function standing(
  waits: Waits,
  current: Pick<ChainFacts, "notBefore" | "notAfter">,
  staged: Staged | null,
  now: Instant,
): Standing {
  const { renewal, latestStart, need } = deadlines(waits, current);
  if (current.notAfter <= now) return { kind: "expired", since: current.notAfter };
  if (staged !== null) {
    const readyAt = staged.readyAt ?? addSeconds(now, need.total);
    return { kind: "staged", readyAt: staged.readyAt, late: !waits.isAhead && readyAt >= current.notAfter };
  }
  if (waits.isAhead) return { kind: "off-path", renewal };
  if (latestStart > now) return { kind: "in-time", renewal, latestStart };
  return { kind: "infeasible", latestStart, readyAt: addSeconds(now, need.total) };
}

/** Who would refuse an expired certificate that the records still match (D2). */
export type ExpiryHurts =
  /** Mail servers alone look here, and with 3 x x they ignore dates. */
  | "hardly-anybody"
  /** Programs that check dates look here too: browsers, mail programs. */
  | "date-checkers"
  /** With usages 0, 1 and 2 DANE clients check dates as well. */
  | "everybody";

const RELAY_PORT = 25;

/** RFC 7671 §5.1, RFC 7672 §3.1.1: the expiration date is ignored for 3 x x, and only there. */
export function whomExpiryHurts(usages: readonly number[], ports: readonly number[]): ExpiryHurts {
  if (usages.some((usage) => usage !== 3)) return "everybody";
  return ports.every((port) => port === RELAY_PORT) ? "hardly-anybody" : "date-checkers";
}

/**
 * D4: name servers whose signature over the RRset ends before `until`, the end of the wait. RFC 4035 §5.3.3: caches drop
 * the records with their signatures, and from then on the answer is bogus, which stops mail whatever the records say.
 *
 * Signers make new signatures well before the old ones end, some only a day before (those that sign as they answer): it
 * is an alarm when less is left than caches may keep the records.
 */
export function endingSignatures(
  owners: readonly OwnerObservation[],
  until: Instant,
  now: Instant,
): readonly Refusal[] {
  return owners.flatMap((owner): readonly Refusal[] => {
    if (owner.outcome === "failed") return [];
    const ending = owner.servers.flatMap(({ server, address, excluded, said }) => {
      if (excluded || said.outcome === "failed") return [];
      const { signedUntil = null } = said;
      const last = Math.min(until, addSeconds(now, said.ttl));
      return signedUntil !== null && signedUntil > now && signedUntil <= last ? [{ server, address, signedUntil }] : [];
    });
    const [first] = ending;
    if (first === undefined) return [];
    const ends = instant(Math.min(...ending.map(({ signedUntil }) => signedUntil)));
    const where = `${first.server.replace(/\.$/, "")} (${first.address})${ending.length > 1 ? ` and ${String(ending.length - 1)} more` : ""}`;
    const detail = `${displayName(owner.owner)}: the signature on ${where} ends ${formatSecond(ends)}, before the wait does at ${formatSecond(until)}`;
    return [{ gate: "dane", code: "SIGNATURE_ENDS_EARLY", until: null, detail }];
  });
}
