/** What both forms of a `resolve` report show, and the exit code. Pure. */
import type { Instant } from "../base/time.ts";
import { CLASS, TYPE } from "../dns/iana.ts";
import type { DomainName } from "../dns/name.ts";
import { encodeCname } from "../dns/rdata.ts";
import type { ResourceRecord } from "../dns/rrset.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";

/** One lookup and how it was made. */
export interface ResolveReport {
  readonly answer: DnsAnswer;
  /** The time that the signatures were judged for. */
  readonly at: Instant;
  /** Somebody named that time; else it is the present. */
  readonly atGiven: boolean;
  /** Validated here, or by a resolver whose AD bit was believed. */
  readonly trust: "local" | "ad";
  /** The resolvers that could be asked, as `--resolver` takes them. */
  readonly resolvers: readonly string[];
}

/** A reason of any kind of answer; where nothing was validated it has neither zone nor extended error. */
export interface ShownReason {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly zone: DomainName | null;
  readonly ede: number | null;
}

/** 0 secure, 1 insecure, 2 bogus, 3 indeterminate. */
export function exitOf({ status }: DnsAnswer): 0 | 1 | 2 | 3 {
  switch (status) {
    case "secure":
      return 0;
    case "insecure":
      return 1;
    case "bogus":
      return 2;
    case "indeterminate":
      return 3;
  }
}

/** The reasons that go deepest: those of the validation, else those for which there was nothing to validate. */
export function reasonsOf({ answer, atGiven }: Pick<ResolveReport, "answer" | "atGiven">): readonly ShownReason[] {
  const validated = answer.validation?.reasons ?? [];
  if (validated.length > 0) {
    return atGiven ? validated.map((reason) => ({ ...reason, hint: hintThen(reason) })) : validated;
  }
  return "reasons" in answer ? answer.reasons.map((reason) => ({ ...reason, zone: null, ede: null })) : [];
}

/** What to do where somebody named the time: no clock is to blame for it. */
function hintThen({ code, hint }: ShownReason): string {
  switch (code) {
    case "DNSSEC_SIGNATURE_EXPIRED":
      return "these signatures are over by then; if they are over without --at too, find out why the signer stopped renewing them";
    case "DNSSEC_SIGNATURE_NOT_YET_VALID":
    case "DNSSEC_CLOCK":
      return "signatures as they are served now cannot be judged at that time; name one at which they are valid";
    default:
      return hint;
  }
}

/** The aliases that were followed, as CNAME records, and the records at their end; none where the data are not to be used. */
export function recordsOf(answer: DnsAnswer): readonly ResourceRecord[] {
  if ("reasons" in answer) return [];
  const aliases = answer.aliases.map(({ alias, target, ttl }) => {
    return { name: alias, type: TYPE.CNAME, class: CLASS.IN, ttl, rdata: encodeCname(target) };
  });
  const { rrset } = answer;
  const found = rrset?.rdatas.map((rdata) => {
    return { name: rrset.name, type: rrset.type, class: rrset.class, ttl: rrset.ttl, rdata };
  });
  return [...aliases, ...(found ?? [])];
}
