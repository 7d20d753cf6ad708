/** The same judge without a network: a chain and records by hand. */
import type { Instant } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { tlsaOwner } from "../tlsa/owner.ts";
import type { Profile } from "./evidence.ts";
import { judge } from "./judge.ts";
import { exitOfHosts } from "./verdict.ts";
import type { HostReport, VerifyReport } from "./verdict.ts";

export interface OfflineInput {
  /** DER as a server would send it, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly records: readonly TlsaRdata[];
  readonly baseDomain: DomainName;
  readonly alsoNames: readonly DomainName[];
  readonly trustStore: readonly Uint8Array[];
  readonly profile: Profile;
  readonly eeNames: boolean;
  /** Certificates that the server had before, as DER: they explain records and change no verdict. */
  readonly previous: readonly Uint8Array[];
  readonly at: Instant;
}

/** One host with one entry without an address. The records are taken for secure: who types them has them from somewhere. */
export function verifyOffline(input: OfflineInput): VerifyReport {
  const { chain, records, baseDomain, alsoNames, trustStore, profile, eeNames, previous, at } = input;
  const judgement = judge({
    // The port only makes an owner name, which nothing here looks at.
    tlsa: { kind: "records", baseDomain, owner: tlsaOwner(baseDomain, 25), aliases: [], records },
    probe: { outcome: "served", certificates: chain, tlsVersion: "" },
    profile,
    referenceNames: [...new Set([baseDomain, ...alsoNames])],
    eeNames,
    trustStore,
    mailExchangerSecure: true,
    previous,
    at,
  });
  const host: HostReport = {
    target: baseDomain.replace(/(?<=.)\.$/, ""),
    endpoint: null,
    profile,
    baseDomain,
    verdict: judgement.verdict,
    reason: null,
    hint: null,
    dns: { mx: null, a: null, aaaa: null, tlsa: null },
    addresses: [{ address: null, algorithm: null, ...judgement }],
  };
  return { exit: exitOfHosts([host]), at, hosts: [host] };
}
