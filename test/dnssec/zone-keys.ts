/** Keys and DS records for zones that tests sign, well-formed or not. */
import { createHash, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { concatBytes } from "../../src/base/bytes.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { encodeDnskey, encodeDs } from "../../src/dns/rdata.ts";
import { ALGORITHM } from "../../src/dnssec/algorithms.ts";
import { DNSKEY_FLAG, dsDigest, keyTag } from "../../src/dnssec/signature.ts";

/** A key pair and the DNSKEY record that shows it. */
export interface TestKey {
  readonly algorithm: number;
  readonly privateKey: KeyObject;
  /** DNSKEY RDATA. */
  readonly dnskey: Uint8Array;
}

export interface KeyShape {
  readonly algorithm?: number;
  readonly flags?: number;
  readonly protocol?: number;
}

function jwkField(key: KeyObject, field: "x" | "y" | "n" | "e"): Uint8Array {
  return Uint8Array.from(Buffer.from(key.export({ format: "jwk" })[field] ?? "", "base64url"));
}

/** A fresh key pair and the public half as a DNSKEY holds it. */
function keyPair(algorithm: number): { readonly privateKey: KeyObject; readonly publicKey: Uint8Array } {
  switch (algorithm) {
    case ALGORITHM.ED25519:
    case ALGORITHM.ED448: {
      const { privateKey, publicKey } =
        algorithm === ALGORITHM.ED448 ? generateKeyPairSync("ed448") : generateKeyPairSync("ed25519");
      return { privateKey, publicKey: jwkField(publicKey, "x") };
    }
    case ALGORITHM.ECDSAP256SHA256:
    case ALGORITHM.ECDSAP384SHA384: {
      const namedCurve = algorithm === ALGORITHM.ECDSAP256SHA256 ? "P-256" : "P-384";
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
      return { privateKey, publicKey: concatBytes(jwkField(publicKey, "x"), jwkField(publicKey, "y")) };
    }
    default: {
      const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
      const exponent = jwkField(publicKey, "e");
      return { privateKey, publicKey: concatBytes(Uint8Array.of(exponent.length), exponent, jwkField(publicKey, "n")) };
    }
  }
}

/** A key that signs everything, keys included, unless the shape says otherwise. */
export function createKey(shape: KeyShape = {}): TestKey {
  const { algorithm = ALGORITHM.ED25519, flags = DNSKEY_FLAG.ZONE | DNSKEY_FLAG.SEP, protocol = 3 } = shape;
  const { privateKey, publicKey } = keyPair(algorithm);
  return { algorithm, privateKey, dnskey: encodeDnskey({ flags, protocol, algorithm, publicKey }) };
}

/** DS RDATA for the key. Digest types that do not exist get the SHA-256 digest, which nobody will compare. */
export function dsOf(zone: DomainName, { algorithm, dnskey }: TestKey, digestType = 2): Uint8Array {
  const digest = dsDigest(zone, dnskey, digestType) ?? Uint8Array.from(createHash("sha256").update(dnskey).digest());
  return encodeDs({ keyTag: keyTag(dnskey), algorithm, digestType, digest });
}

/** At most 120 other DNSKEYs of the key's tag, algorithm and flags: a tag is a sum of 16-bit words, in whatever order. */
export function colliding(key: TestKey, count: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let one = 4; one < 36; one += 2) {
    for (let other = one + 2; other < 36 && found.length < count; other += 2) {
      const rdata = Uint8Array.from(key.dnskey);
      rdata.set(key.dnskey.subarray(one, one + 2), other);
      rdata.set(key.dnskey.subarray(other, other + 2), one);
      found.push(rdata);
    }
  }
  return found;
}
