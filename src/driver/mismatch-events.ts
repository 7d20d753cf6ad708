/**
 * When clients began to be refused, and when that was over, for the journal: by the next look it may be over already,
 * and what only stood in the state between two looks of one tick was seen by nobody.
 */
import { NO_ADDRESS } from "../rollover/observation.ts";
import type { EndpointObservation } from "../rollover/observation.ts";
import type { Refusal } from "../rollover/state.ts";
import type { JournalEntry } from "../store/journal.ts";

/** A client would refuse an address from now on; `code` says why. */
export const MISMATCH = "mismatch";
/** It would no more, or nobody knows any more. */
export const MISMATCH_OVER = "mismatch-over";

const CODES: ReadonlySet<string> = new Set<Refusal["code"]>(["LIVE_MISMATCH", "SECOND_CERTIFICATE"]);

type Seen = Pick<EndpointObservation, "endpoint" | "address" | "presents">;

/** What changed between the refusals of one look and those of the next, which saw `endpoints`. */
export function mismatchEvents(
  before: readonly Refusal[],
  after: readonly Refusal[],
  endpoints: readonly Seen[],
): readonly Pick<JournalEntry, "event" | "detail">[] {
  const was = byPlace(before);
  const is = byPlace(after);
  const begun = [...is]
    .filter(([key]) => !was.has(key))
    .map(([, { code, detail }]) => {
      return { event: MISMATCH, detail: { code, detail } };
    });
  const ended = [...was]
    .filter(([key]) => !is.has(key))
    .map(([, { code, place }]) => {
      return { event: MISMATCH_OVER, detail: { code, detail: endOf(place, endpoints) } };
    });
  return [...begun, ...ended];
}

interface Mismatch {
  readonly code: string;
  readonly place: string;
  readonly detail: string;
}

/** Their words may change while they stand: what tells one from another is the address. */
function byPlace(refusals: readonly Refusal[]): ReadonlyMap<string, Mismatch> {
  const found = refusals.filter(({ code }) => CODES.has(code));
  return new Map(
    found.map(({ code, detail }) => {
      const place = /^\S+ at \S+/.exec(detail)?.[0] ?? detail;
      return [`${code} ${place}`, { code, place, detail }];
    }),
  );
}

function endOf(place: string, endpoints: readonly Seen[]): string {
  const seen = endpoints.find(({ endpoint, address }) => place === `${endpoint} at ${address}`);
  const isHidden = endpoints.some(
    ({ endpoint, address }) => address === NO_ADDRESS && place.startsWith(`${endpoint} at `),
  );
  if (seen === undefined && !isHidden) return `${place}: it is no address of the service any more`;
  if (seen === undefined || seen.presents.outcome === "failed") {
    return `${place}: it could not be looked at, so it is not known any more`;
  }
  return `${place}: no client that asks for DANE refuses it any more`;
}
