/** Trust anchors in their many forms, and what was read from them in words that tables can hold. */
import { expect } from "vitest";
import { instant } from "../../src/base/time.ts";
import { parseTrustAnchors } from "../../src/dnssec/anchors.ts";
import type { TrustAnchors } from "../../src/dnssec/anchors.ts";
import { keyTag } from "../../src/dnssec/signature.ts";
import { value } from "../dns/help.ts";

export const NOW = instant(Date.UTC(2026, 10, 22, 12));
export const DIGEST_2017 = "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
export const DIGEST_2024 = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";
/** The keys as Debian's dns-root-data 2024071801 has them. */
export const KEY_2017 =
  "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU=";
export const KEY_2024 =
  "AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc=";
export const DS = `. IN DS 20326 8 2 ${DIGEST_2017}`;

/** What an anchor vouches for, in words that tables can hold. */
export function summary(anchors: TrustAnchors): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    [...anchors].map(([zone, anchor]) => {
      const ds = anchor.ds.map((one) => [one.keyTag, one.algorithm, one.digestType].join(" "));
      return [zone, [...ds, ...anchor.dnskeys.map((key) => `key ${String(keyTag(key))}`)]];
    }),
  );
}

export function read(text: string, at = NOW): Readonly<Record<string, readonly string[]>> {
  return summary(value(parseTrustAnchors(text, { source: "anchors", at })));
}

/** The message of the fault, or what was read where there should be one. */
export function faultOf(text: string): string {
  const result = parseTrustAnchors(text, { source: "anchors", at: NOW });
  if (result.ok) return `accepted: ${JSON.stringify(summary(result.value))}`;
  expect(result.fault.code).toBe("TRUST_ANCHOR_INVALID");
  return result.fault.message;
}

/** A document of IANA's form; `attributes` of the second KeyDigest and what it holds behind its digest. */
export function xml(attributes = 'validFrom="2024-07-18T00:00:00+00:00"', extra = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- https://data.iana.org -->
<TrustAnchor id="380DC50D-484E-40D0-A3AE-68F2B18F61C7" source="http://data.iana.org/root-anchors/root-anchors.xml">
<Zone>.</Zone>
<KeyDigest id="Kjqmt7v" validFrom="2010-07-15T00:00:00+00:00" validUntil="2019-01-11T00:00:00+00:00">
<KeyTag>19036</KeyTag>
<Algorithm>8</Algorithm>
<DigestType>2</DigestType>
<Digest>49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5</Digest>
</KeyDigest>
<KeyDigest id="Kmyv6jo" ${attributes}>
<KeyTag>38696</KeyTag>
<Algorithm>8</Algorithm>
<DigestType>2</DigestType>
<Digest>
  ${DIGEST_2024}
</Digest>${extra}
</KeyDigest>
</TrustAnchor>
`;
}

export const PUBLIC_KEY = `<PublicKey>\n${KEY_2024.replace(/(.{60})/g, "$1\n")}</PublicKey><Flags>257</Flags>`;
