/**
 * The canonical form and order in which RRsets are signed (RFC 4034 §6): names uncompressed and in lower case where the
 * corrected list says so (RFC 6840 §5.1), the original TTL, RRs sorted by RDATA as unsigned octets, duplicates dropped.
 */
import { compareBytes, concatBytes, equalBytes } from "../base/bytes.ts";
import type { Fault } from "../base/errors.ts";
import { success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { countLabels, encodeName, labelsOf, nameFromLabels } from "./name.ts";
import type { DomainName } from "./name.ts";
import { canonicalRdata } from "./rdata-layout.ts";
import type { Rrset } from "./rrset.ts";
import { uint16, uint32 } from "./wire.ts";

const WILDCARD = Uint8Array.of(0x2a);

/**
 * RDATA of an RRset in canonical form and order, each once (RFC 4034 §6.3). Faults: `DNS_MESSAGE_MALFORMED` when RDATA of
 * a type that holds names is malformed.
 */
export function canonicalRdatas(type: number, rdatas: readonly Uint8Array[]): Result<readonly Uint8Array[], Fault> {
  const canonical: Uint8Array[] = [];
  for (const rdata of rdatas) {
    const form = canonicalRdata(type, rdata);
    if (!form.ok) return form;
    canonical.push(form.value);
  }
  if (canonical.length < 2) return success(canonical);
  canonical.sort(compareBytes);
  return success(canonical.filter((rdata, at) => at === 0 || !equalBytes(rdata, canonical[at - 1] ?? rdata)));
}

/** Labels as RRSIG counts them: without the root and without a leading `*` (RFC 4034 §3.1.3). */
export function signatureLabels(owner: DomainName): number {
  return countLabels(owner) - (owner.startsWith("*.") ? 1 : 0);
}

/**
 * The name that was signed: the owner, or for fewer labels the wildcard that the owner was made from (RFC 4035 §5.3.2).
 * Null when the RRSIG counts more labels than the owner has.
 */
export function signedOwner(owner: DomainName, labels: number): DomainName | null {
  const present = signatureLabels(owner);
  if (labels > present) return null;
  if (labels === present) return owner;
  const all = labelsOf(owner);
  const wildcard = nameFromLabels([WILDCARD, ...all.slice(all.length - labels)]);
  return wildcard.ok ? wildcard.value : null;
}

/** The RRs of a set one after the other as they are signed, under `owner` and with the original TTL (RFC 4034 §3.1.8.1). */
export function canonicalRrset(rrset: Rrset, owner: DomainName, originalTtl: number): Result<Uint8Array, Fault> {
  const rdatas = canonicalRdatas(rrset.type, rrset.rdatas);
  if (!rdatas.ok) return rdatas;
  const fixed = concatBytes(encodeName(owner), uint16(rrset.type), uint16(rrset.class), uint32(originalTtl));
  const parts: Uint8Array[] = [];
  for (const rdata of rdatas.value) parts.push(fixed, uint16(rdata.length), rdata);
  return success(concatBytes(...parts));
}
