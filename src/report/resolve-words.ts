/** What a lookup comes to, in sentences: for DANE, for those who ask, and for the next day. */
import type { Instant } from "../base/time.ts";
import { RCODE, TYPE, typeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { ChainLink } from "../dnssec/verdict.ts";
import type { UsableAnswer } from "../resolver/resolver.ts";
import { reasonsOf } from "./resolve-model.ts";
import type { ResolveReport } from "./resolve-model.ts";
import { formatMoment, formatTime, onOneLine } from "./words.ts";

/** The status in one plain sentence, and what it means for a client with DANE. */
export function meaningOf(report: ResolveReport): string {
  const { answer, resolvers, trust } = report;
  if (report.atGiven) return meaningThen(report);
  switch (answer.status) {
    case "secure":
      return trust === "ad"
        ? `secure, says ${resolvers.join(" or ")} (AD bit): ${foundText(answer)}${withoutDane(answer)}; nothing was validated here`
        : `secure: ${foundText(answer)}${withoutDane(answer)}; every link from the trust anchor down is proved`;
    case "insecure":
      return trust === "ad"
        ? `insecure: ${foundText(answer)}, and ${resolvers.join(" or ")} did not set the AD bit: the zone is not signed, ` +
            "or that resolver does not validate (--trust local tells which); DANE does not apply"
        : `insecure: ${foundText(answer)}, but ${unsignedText(answer)}; DANE does not apply`;
    case "bogus":
      // RFC 7672 §2.1.1: a bogus answer must not be taken for the absence of TLSA records.
      return "bogus: validating resolvers answer SERVFAIL, DANE clients do not connect, and mail waits until this is mended";
    case "indeterminate":
      return "indeterminate: it could not be found out; a DANE client in this place would not connect, and mail would wait";
  }
}

/** The same about a time that somebody named. A lookup that failed says nothing about any time. */
function meaningThen(report: ResolveReport): string {
  const { answer, at } = report;
  const then = `at ${formatTime(at)} it would be ${answer.status}`;
  switch (answer.status) {
    case "secure":
      return `${then}: ${foundText(answer)}${withoutDane(answer)}; every link from the trust anchor down is proved`;
    case "insecure":
      return `${then}: ${foundText(answer)}, but ${unsignedText(answer)}; DANE does not apply`;
    case "bogus":
      return `${then}: if nothing were signed anew, validating resolvers would answer SERVFAIL, DANE clients would not connect, and mail would wait`;
    case "indeterminate":
      return reasonsOf(report).some(({ code }) => code === "DNSSEC_CLOCK")
        ? `${then}: what is served now is not signed for that time, from the root on`
        : meaningOf({ ...report, atGiven: false });
  }
}

/** The status in one word, with the time when somebody named it. */
export function statusText({ answer, at, atGiven }: ResolveReport): string {
  return atGiven ? `${answer.status} at ${formatTime(at)}` : answer.status;
}

/** A time, and how far off it is; not from a time that somebody named, as everybody reads that as from now. */
export function momentText(moment: Instant, { at, atGiven }: ResolveReport): string {
  return atGiven ? formatTime(moment) : formatMoment(moment, at);
}

/** What there is, or that there is nothing. */
function foundText(answer: UsableAnswer): string {
  const { rrset, rcode, type, finalName } = answer;
  const name = displayName(finalName);
  if (rrset !== null) {
    const count = rrset.rdatas.length;
    return `${name} has ${String(count)} ${typeName(type)} record${count === 1 ? "" : "s"}`;
  }
  return rcode === RCODE.NXDOMAIN ? `${name} does not exist` : `${name} has no ${typeName(type)} record`;
}

/** What a proof that there is no TLSA record means (RFC 7672 §2.2). */
function withoutDane({ rrset, type }: UsableAnswer): string {
  return rrset === null && type === TYPE.TLSA ? ", so clients connect without DANE" : "";
}

/** Where trust ends. */
function unsignedText(answer: UsableAnswer): string {
  const end = answer.validation?.chain.find((link) => link.status === "insecure" || link.kind === "insecure");
  return end === undefined ? "nothing proves it" : `nothing from ${displayName(end.name)} down can be proved`;
}

/** A signature that ends within a day was not renewed in time, or the zone is signed for very short periods. */
const SOON_MS = 86_400_000;

/** What to know although the answer is secure: warnings of the validation, and signatures that end within a day. */
export function outlookOf(report: ResolveReport): readonly string[] {
  const { answer, at } = report;
  if (answer.status !== "secure") return [];
  const { chain = [], signaturesExpire = null } = answer.validation ?? {};
  const warnings = reasonsOf(report).map(({ message, hint }) => `${onOneLine(message)}; ${onOneLine(hint)}`);
  const ending = chain.flatMap((link) => endingText(link, report));
  const unseen = ending.length === 0 && signaturesExpire !== null && signaturesExpire - at < SOON_MS;
  return [
    ...warnings,
    ...ending,
    ...(unseen ? [`a signature that this rests on ends ${momentText(signaturesExpire, report)}; ${WHEN_IT_ENDS}`] : []),
  ];
}

const WHEN_IT_ENDS = "if it is not renewed by then, the answer becomes bogus and DANE mail waits";

function endingText({ name, type, status, signature }: ChainLink, report: ResolveReport): readonly string[] {
  if (status !== "secure" || signature === null || signature.expiration - report.at >= SOON_MS) return [];
  const what = `${displayName(name)} ${typeName(type)}`;
  const by = `${displayName(signature.signer)} ${String(signature.keyTag)}`;
  return [`the signature of ${what} by ${by} ends ${momentText(signature.expiration, report)}; ${WHEN_IT_ENDS}`];
}

/** Codes that blame the way to the data, which another resolver may not share. */
const RESOLVER_TROUBLE: ReadonlySet<string> = new Set([
  "DNS_TIMEOUT",
  "DNS_UNREACHABLE",
  "DNS_CONNECTION_LOST",
  "DNS_MESSAGE_MALFORMED",
  "DNS_RCODE",
  "RESOLVER_NOT_RECURSIVE",
  "RESOLVER_TLS_FAILED",
  "DNSSEC_RESOLVER_STRIPS",
]);

/** How to ask elsewhere, where that may help; else null. */
export function resolverHint(code: string, resolvers: readonly string[]): string | null {
  if (!RESOLVER_TROUBLE.has(code)) return null;
  return `asked ${resolvers.join(", ")}; name another resolver with --resolver IP[:PORT]`;
}
