/** The trust anchors of the root that are built in; in a file of their own, because most runs need no other. */
import { assert } from "../base/assert.ts";
import { parseHex } from "../base/bytes.ts";
import { ROOT } from "../dns/name.ts";
import type { TrustAnchors } from "./anchors.ts";

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
