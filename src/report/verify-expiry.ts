/** When the DNSSEC signatures behind a verification end, as far as they were checked here. */
import { displayName } from "../dns/name.ts";
import type { Instant } from "../base/time.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { HostReport } from "../verifier/verdict.ts";

/** One answer that the host's verdicts rest on. */
interface SignedAnswer {
  readonly type: "MX" | "SRV" | "A" | "AAAA" | "TLSA";
  readonly name: string;
  readonly secure: boolean;
  /** Null: the signatures were not seen, somebody else's AD bit was believed; or there are none. */
  readonly signaturesExpire: Instant | null;
}

/** The answers that were asked for, in the order of the ladder. */
export function signedAnswers({ dns }: HostReport): readonly SignedAnswer[] {
  const answers: readonly (readonly [SignedAnswer["type"], DnsAnswer | null])[] = [
    ["MX", dns.mx],
    ["SRV", dns.srv ?? null],
    ["A", dns.a],
    ["AAAA", dns.aaaa],
    ["TLSA", dns.tlsa?.answer ?? null],
  ];
  return answers.flatMap(([type, answer]) => {
    if (answer === null) return [];
    const secure = answer.status === "secure";
    const signaturesExpire = secure ? (answer.validation?.signaturesExpire ?? null) : null;
    return [{ type, name: displayName(answer.name), secure, signaturesExpire }];
  });
}

/** The first end of any of them; null when none is known. */
export function earliestSignatureExpiry(host: HostReport): Instant | null {
  return signedAnswers(host).reduce<Instant | null>((first, { signaturesExpire }) => {
    return signaturesExpire !== null && (first === null || signaturesExpire < first) ? signaturesExpire : first;
  }, null);
}
