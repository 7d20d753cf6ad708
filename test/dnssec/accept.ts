/** One signature by one key, put before the validator as if it were all that there is. */
import type { Result } from "../../src/base/result.ts";
import type { Instant } from "../../src/base/time.ts";
import { ROOT } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { decodeRrsig } from "../../src/dns/rdata.ts";
import type { Rrset } from "../../src/dns/rrset.ts";
import { acceptRrset } from "../../src/dnssec/acceptance.ts";
import type { Accepted, Refused } from "../../src/dnssec/acceptance.ts";
import { zoneKey } from "../../src/dnssec/keys.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import { createWork } from "../../src/dnssec/work.ts";

/** Whether this RRSIG (RDATA) by this DNSKEY (RDATA) vouches for the RRset; `zone` is the signer unless it is given. */
export function accept(
  rrset: Rrset,
  rrsigRdata: Uint8Array,
  dnskeyRdata: Uint8Array,
  now: Instant,
  zone?: DomainName,
): Result<Accepted, Refused> {
  const rrsig = decodeRrsig(rrsigRdata);
  const key = zoneKey(dnskeyRdata);
  const keys = {
    zone: zone ?? (rrsig.ok ? rrsig.value.signer : ROOT),
    keys: key === null ? [] : [key],
    announced: [],
  };
  const bench = { now, policy: DEFAULT_POLICY, work: createWork(DEFAULT_POLICY.limits) };
  return acceptRrset({ ...rrset, signatures: [rrsigRdata] }, keys, bench);
}
