/** Keys of the sandbox's zones: one ECDSA P-256 key each (algorithm 13, RFC 6605), signing everything (a CSK). */
import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { concatBytes } from "../base/bytes.ts";
import { encodeDnskey, encodeDs } from "../dns/rdata.ts";
import type { DomainName } from "../dns/name.ts";
import { dsDigest, keyTag } from "../dnssec/signature.ts";

export interface ZoneKey {
  readonly zone: DomainName;
  readonly privateKey: KeyObject;
  /** DNSKEY RDATA: flags ZONE and SEP, protocol 3, algorithm 13. */
  readonly dnskey: Uint8Array;
  /** DS RDATA for the parent zone, SHA-256. */
  readonly ds: Uint8Array;
}

const ECDSA_P256 = 13;
const SHA256 = 2;
const ZONE_AND_SEP = 257;

/** A new key for the zone. */
export function createZoneKey(zone: DomainName): ZoneKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  // RFC 6605 §4: the key is the two coordinates, 32 octets each.
  const point = concatBytes(coordinate(x), coordinate(y));
  const dnskey = encodeDnskey({ flags: ZONE_AND_SEP, protocol: 3, algorithm: ECDSA_P256, publicKey: point });
  const digest = dsDigest(zone, dnskey, SHA256);
  if (digest === null) throw new Error("SHA-256 is not known as a DS digest");
  const ds = encodeDs({ keyTag: keyTag(dnskey), algorithm: ECDSA_P256, digestType: SHA256, digest });
  return { zone, privateKey, dnskey, ds };
}

function coordinate(text: string | undefined): Uint8Array {
  return Uint8Array.from(Buffer.from(text ?? "", "base64url"));
}
