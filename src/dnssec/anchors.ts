/**
 * Trust anchors: where trust in DNSSEC begins (RFC 4033 §2). The root's are built in, as the digests that IANA publishes
 * in root-anchors.xml (RFC 9718); any others come from a file.
 *
 * What we decided: both keys of the root are trusted from the start, so that the change from KSK-2017 to KSK-2024 needs
 * no release of ours. An anchor may stand at any zone. Nothing is fetched, ever.
 *
 * What we do not do: the automatic updates of RFC 5011. They need state that a program run now and then cannot keep
 * honestly; a new release, or the system's own anchor file, brings new keys.
 */
import { assert } from "../base/assert.ts";
import { parseHex } from "../base/bytes.ts";
import { ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { DsRdata } from "../dns/rdata.ts";

/** What is believed about the keys of one zone without proof: any of the DS records or keys may vouch for its key set. */
export interface TrustAnchor {
  readonly zone: DomainName;
  readonly ds: readonly DsRdata[];
  /** DNSKEY RDATA. */
  readonly dnskeys: readonly Uint8Array[];
  /** Where it comes from, for messages: a file name, or that it is built in. */
  readonly source: string;
}

/** Anchors by their zone. */
export type TrustAnchors = ReadonlyMap<DomainName, TrustAnchor>;

/**
 * The keys of the root as https://data.iana.org/root-anchors/root-anchors.xml (RFC 9718) has them: KSK-2017, valid from
 * 2017-02-02, and KSK-2024, valid from 2024-07-18; both RSASHA256 with SHA-256 digests. Debian's dns-root-data 2024071801
 * has the same two.
 */
const ROOT_KEYS = [
  { keyTag: 20326, digest: "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D" },
  { keyTag: 38696, digest: "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16" },
] as const;

/** The anchors of the root that this release knows: KSK-2017 and KSK-2024. */
export function rootAnchors(): TrustAnchors {
  const ds = ROOT_KEYS.map(({ keyTag, digest: hex }) => {
    const digest = parseHex(hex);
    assert(digest !== null, "a built-in trust anchor is not hexadecimal");
    return { keyTag, algorithm: 8, digestType: 2, digest };
  });
  return new Map([[ROOT, { zone: ROOT, ds, dnskeys: [], source: "built in" }]]);
}
