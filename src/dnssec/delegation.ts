/**
 * What a zone says about a name below it: a signed zone begins there, an unsigned one, or none (RFC 4035 §5.2, §5.4). An
 * unsigned one must be proved: by a record of the delegation itself that lists NS and not DS, or by an opted-out span
 * (RFC 5155 §8.6, §8.9).
 */
import { assert } from "../base/assert.ts";
import type { Seconds } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeDs } from "../dns/rdata.ts";
import type { DsRdata } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { acceptRrset, reasonOf } from "./acceptance.ts";
import type { Accepted, Bench } from "./acceptance.ts";
import { rrsetIn, rrsetsOf } from "./answer.ts";
import { judgeDenial } from "./denial.ts";
import type { JudgedDenial } from "./denial.ts";
import { EDE } from "./ede.ts";
import type { ZoneKeys } from "./keys.ts";
import { isDelegation } from "./nsec.ts";
import type { LinkSignature, Reason } from "./verdict.ts";

/** What the parent says about a possible delegation at `child`. */
export type Delegation =
  | { readonly kind: "signed"; readonly ds: readonly DsRdata[]; readonly rrset: Rrset; readonly accepted: Accepted }
  | { readonly kind: "unsigned"; readonly denial: JudgedDenial; readonly reason: Reason }
  | { readonly kind: "none"; readonly ttl: Seconds; readonly message: string }
  | { readonly kind: "broken"; readonly reason: Reason; readonly signature: LinkSignature | null };

/** Judges the reply to a question for DS at `child`, which the zone `above` must have signed. */
export function judgeDelegation(child: DomainName, message: DnsMessage, above: ZoneKeys, bench: Bench): Delegation {
  const rrset = rrsetIn(message, child, TYPE.DS);
  if (rrset === null) return judgeNoDs(child, message, above, bench);
  const accepted = acceptRrset(rrset, above, bench);
  if (!accepted.ok) return { kind: "broken", ...accepted.fault };
  if (accepted.value.wildcard !== null) {
    const text = `the DS records of ${displayName(child)} were expanded from a wildcard`;
    const reason = reasonOf("DNSSEC_ANSWER_CONTRADICTORY", above.zone, text, EDE.BOGUS);
    return { kind: "broken", reason, signature: accepted.value.signature };
  }
  const { delegationSigners } = bench.policy.limits;
  if (rrset.rdatas.length > delegationSigners) {
    const text = `${displayName(child)} has ${String(rrset.rdatas.length)} DS records`;
    const reason = reasonOf("DNSSEC_LIMIT", above.zone, text, EDE.BOGUS);
    return { kind: "broken", reason, signature: accepted.value.signature };
  }
  const ds = rrset.rdatas.flatMap((rdata) => {
    const decoded = decodeDs(rdata);
    return decoded.ok ? [decoded.value] : [];
  });
  return { kind: "signed", ds, rrset, accepted: accepted.value };
}

/** An alias is no delegation (RFC 2181 §10.1); anything else must be denied. */
function judgeNoDs(child: DomainName, message: DnsMessage, above: ZoneKeys, bench: Bench): Delegation {
  const where = displayName(child);
  const alias = rrsetsOf(message.answer).find(({ name, type }) => name === child && type === TYPE.CNAME);
  if (alias !== undefined) {
    const accepted = acceptRrset(alias, above, bench);
    if (accepted.ok) return { kind: "none", ttl: accepted.value.ttl, message: `${where} is an alias, no zone` };
    return { kind: "broken", ...accepted.fault };
  }
  const authority = rrsetsOf(message.authority);
  const denial = judgeDenial(
    authority,
    above,
    {
      what: `that ${where} has no DS record`,
      prove: (records) => records.noType(child, TYPE.DS) ?? records.noName(child),
    },
    bench,
  );
  if (denial.status === "bogus") {
    assert(denial.reason !== null, "a bogus denial gives no reason");
    return { kind: "broken", reason: denial.reason, signature: denial.signature };
  }
  if (denial.status === "insecure") {
    assert(denial.reason !== null, "an insecure denial gives no reason");
    return { kind: "unsigned", denial, reason: denial.reason };
  }
  const types = denial.proof?.types ?? null;
  if (types === null || !isDelegation(types)) {
    return { kind: "none", ttl: denial.ttl, message: `no zone begins at ${where}: ${denial.proof?.message ?? ""}` };
  }
  const text = `${displayName(above.zone)} delegates ${where} without a DS record`;
  return { kind: "unsigned", denial, reason: reasonOf("DNSSEC_UNSIGNED_DELEGATION", child, text, null) };
}
