/**
 * The public library: the pure parts that the command line is made of, and the resolver and verifier on top of them.
 * Everything else in the package is private and may change.
 */
export { success, failure } from "./base/result.ts";
export type { Result } from "./base/result.ts";
export { instant, seconds } from "./base/time.ts";
export type { Clock, Instant, Seconds } from "./base/time.ts";
export type { Fault, FaultCode } from "./base/errors.ts";
export { parseName, displayName } from "./dns/name.ts";
export type { DomainName } from "./dns/name.ts";
export { formatTlsa, parseTlsa } from "./dns/rdata.ts";
export type { TlsaRdata } from "./dns/rdata.ts";
export { readCredentials } from "./pki/certificate.ts";
export { associationFor, recordsForChain } from "./tlsa/association.ts";
export { matchesCertificate } from "./tlsa/match.ts";
export { parseParameters } from "./tlsa/params.ts";
export type { TlsaParameters } from "./tlsa/params.ts";
export { parseTrustAnchors } from "./dnssec/anchors.ts";
export type { TrustAnchors } from "./dnssec/anchors.ts";
export { rootAnchors } from "./dnssec/root-anchors.ts";
export type { ChainLink, Reason, SecurityStatus, Validation } from "./dnssec/verdict.ts";
export { openResolver } from "./resolver/open.ts";
export type { OpenResolverOptions } from "./resolver/open.ts";
export type { DnsAnswer, Resolve } from "./resolver/resolver.ts";
export { judge } from "./verifier/judge.ts";
export { verifyTargets } from "./verifier/verify.ts";
export { step } from "./rollover/step.ts";
export type { Step } from "./rollover/step.ts";
