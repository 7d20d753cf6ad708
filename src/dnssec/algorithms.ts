/**
 * The signature and digest algorithms of DNSSEC on top of node:crypto. Keys go in as JWK, because their fields are the
 * very octets of the DNSKEY; ECDSA signatures are r and s side by side (RFC 6605 §4), not DER.
 *
 * SHA-1 (algorithms 5 and 7, DS digest 1) is computed here and judged elsewhere: whoever walks the chain says by
 * {@link Sha1Choice} whether it counts. Some systems forbid it to all their programs, and then we must know before we
 * judge: a zone that cannot be checked here is insecure, while one whose signatures fail is bogus.
 */
import { createHash, createPublicKey, sign, verify } from "node:crypto";
import type { JsonWebKey, KeyObject } from "node:crypto";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { readUint16 } from "../dns/wire.ts";

/** DNSSEC algorithm numbers that we can verify (RFC 8624 §3.1 makes validating with each a MUST or RECOMMENDED). */
export const ALGORITHM = {
  RSASHA1: 5,
  RSASHA1_NSEC3_SHA1: 7,
  RSASHA256: 8,
  RSASHA512: 10,
  ECDSAP256SHA256: 13,
  ECDSAP384SHA384: 14,
  ED25519: 15,
  ED448: 16,
} as const;

interface RsaScheme {
  readonly family: "rsa";
  readonly hash: string;
  /** Octets of the smallest modulus allowed. */
  readonly leastModulus: number;
}

interface CurveScheme {
  readonly family: "ecdsa" | "eddsa";
  /** Null where the algorithm hashes by itself. */
  readonly hash: string | null;
  readonly curve: string;
  /** Octets of the key, and of a signature. */
  readonly keyLength: number;
  readonly signatureLength: number;
}

function ecdsa(curve: string, hash: string, length: number): CurveScheme {
  return { family: "ecdsa", hash, curve, keyLength: length, signatureLength: length };
}

function eddsa(curve: string, keyLength: number): CurveScheme {
  return { family: "eddsa", hash: null, curve, keyLength, signatureLength: keyLength * 2 };
}

/** The same scheme under two numbers: 7 tells validators that the zone may use NSEC3 (RFC 5155 §2). */
const RSASHA1: RsaScheme = { family: "rsa", hash: "sha1", leastModulus: 64 };

const SCHEMES: ReadonlyMap<number, RsaScheme | CurveScheme> = new Map<number, RsaScheme | CurveScheme>([
  [ALGORITHM.RSASHA1, RSASHA1],
  [ALGORITHM.RSASHA1_NSEC3_SHA1, RSASHA1],
  [ALGORITHM.RSASHA256, { family: "rsa", hash: "sha256", leastModulus: 64 }],
  [ALGORITHM.RSASHA512, { family: "rsa", hash: "sha512", leastModulus: 128 }],
  [ALGORITHM.ECDSAP256SHA256, ecdsa("P-256", "sha256", 64)],
  [ALGORITHM.ECDSAP384SHA384, ecdsa("P-384", "sha384", 96)],
  [ALGORITHM.ED25519, eddsa("Ed25519", 32)],
  [ALGORITHM.ED448, eddsa("Ed448", 57)],
]);

/**
 * Octets of the largest modulus. RFC 5702 §2.1, §2.2 bound both ends: 512 to 4096 bits with SHA-256, 1024 to 4096 with
 * SHA-512. RFC 3110 §2 bounds only the upper end, at 4096 bits; the lower one of 512 is BIND's, and zones signed in
 * the days of SHA-1 do have such keys. A zone that chooses 512 bits is badly advised, but its data are what its owner signed.
 */
const MOST_MODULUS = 512;
/** No official reference: the bounds of BIND, against exponents made to be slow. */
const RSA_EXPONENT = { least: 3n, most: 0x1_0000_0001n } as const;

/** Hash names by DS digest type (RFC 4034 appendix A.2, RFC 4509, RFC 6605 §2). */
const DIGESTS: ReadonlyMap<number, string> = new Map([
  [1, "sha1"],
  [2, "sha256"],
  [4, "sha384"],
]);

/** Whether SHA-1 counts; where it does not, what rests on it is as if it were unknown, hence insecure. */
export interface Sha1Choice {
  readonly sha1: boolean;
}

/** A signature with RSA and SHA-1 that must verify where the system allows it: made for this purpose, the key thrown away. */
const SHA1_SAMPLE = {
  signed: "daneward",
  modulus:
    "oR6rSR4UeL5Rze8H1G9jxPAaunLDPwyHk3VIo3tSg0uNU-XZqx_fnbccG7gj5rnWcXNgRAYRZuA85_VKzCVCKshUTQtnosHU9IbbEKqYKsJA2Oh8" +
    "qyp_RBWTFLUQMoxzq1gUlX7wL7QWnH_q9-mNQHWRYo02GaNome21Q_UtC_U",
  signature:
    "cwY7GFzmwOnMX6xMUyynRpqEmNA1b9WtABzX6Pajhen5g5uR9FMBcwpVGlVCcL1cxvvT0ZYOpQ1DZOS46AV7ykhQkrDZv6cmUX57vSbxnpMbflv_" +
    "eMeV2WKa1zsL9uhpbml_8K0qC0HdW44CcwGyvtfsBLfSosTO18_UanKWmPY",
} as const;

/**
 * Whether signatures with SHA-1 can be verified here. Asked of the sample each time, which costs 30 microseconds:
 * OpenSSL's configuration may forbid them (as Red Hat's policy does), and says so in more ways than one.
 */
function verifiesSha1(): boolean {
  try {
    const key = createPublicKey({ key: { kty: "RSA", n: SHA1_SAMPLE.modulus, e: "AQAB" }, format: "jwk" });
    const signature = Buffer.from(SHA1_SAMPLE.signature, "base64url");
    return verifySignature(ALGORITHM.RSASHA1, key, Buffer.from(SHA1_SAMPLE.signed), signature);
  } catch {
    return false;
  }
}

/** True when signatures of this algorithm can be verified, and are wanted. */
export function isSupportedAlgorithm(algorithm: number, { sha1 }: Sha1Choice): boolean {
  const scheme = SCHEMES.get(algorithm);
  return scheme !== undefined && (scheme.hash !== "sha1" || (sha1 && verifiesSha1()));
}

/** True when DS records of this digest type can be matched, and are wanted. */
export function isSupportedDigest(digestType: number, { sha1 }: Sha1Choice): boolean {
  const hash = DIGESTS.get(digestType);
  return hash !== undefined && (hash !== "sha1" || (sha1 && digestOf(digestType) !== null));
}

/** The digest of the parts one after the other; null for a digest type that is unknown or forbidden by the system. */
export function digestOf(digestType: number, ...parts: readonly Uint8Array[]): Uint8Array | null {
  const name = DIGESTS.get(digestType);
  if (name === undefined) return null;
  try {
    const hash = createHash(name);
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  } catch {
    return null;
  }
}

function base64url(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64url");
}

/** RFC 3110 §2: the exponent's length in one octet or three, the exponent, the modulus. */
function rsaJwk(scheme: RsaScheme, publicKey: Uint8Array): JsonWebKey | null {
  const long = publicKey[0] === 0;
  const start = long ? 3 : 1;
  const length = long ? readUint16(publicKey, 1) : (publicKey[0] ?? 0);
  const exponent = publicKey.subarray(start, start + length);
  const modulus = publicKey.subarray(start + length);
  if (exponent.length !== length || length === 0 || length > 8) return null;
  if (modulus.length < scheme.leastModulus || modulus.length > MOST_MODULUS || modulus[0] === 0) return null;
  const value = BigInt(`0x${Buffer.from(exponent).toString("hex")}`);
  if (value % 2n === 0n || value < RSA_EXPONENT.least || value > RSA_EXPONENT.most) return null;
  return { kty: "RSA", n: base64url(modulus), e: base64url(exponent) };
}

function curveJwk(scheme: CurveScheme, publicKey: Uint8Array): JsonWebKey | null {
  if (publicKey.length !== scheme.keyLength) return null;
  if (scheme.family === "eddsa") return { kty: "OKP", crv: scheme.curve, x: base64url(publicKey) };
  const half = scheme.keyLength / 2;
  const [x, y] = [publicKey.subarray(0, half), publicKey.subarray(half)];
  return { kty: "EC", crv: scheme.curve, x: base64url(x), y: base64url(y) };
}

/** The public key field of a DNSKEY as a key. The failure says why it is none. */
export function importPublicKey(algorithm: number, publicKey: Uint8Array): Result<KeyObject, string> {
  const scheme = SCHEMES.get(algorithm);
  if (scheme === undefined) return failure(`algorithm ${String(algorithm)} is not supported`);
  const jwk = scheme.family === "rsa" ? rsaJwk(scheme, publicKey) : curveJwk(scheme, publicKey);
  if (jwk === null) return failure(`the key does not fit algorithm ${String(algorithm)}`);
  try {
    return success(createPublicKey({ key: jwk, format: "jwk" }));
  } catch (problem) {
    return failure(`the key is refused: ${describe(problem)}`);
  }
}

/**
 * True when the signature verifies. Signatures of a wrong length never do, and neither does anything that OpenSSL
 * refuses to look at: no octets make this throw.
 */
export function verifySignature(algorithm: number, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const scheme = SCHEMES.get(algorithm);
  if (scheme === undefined) return false;
  if (scheme.family !== "rsa" && signature.length !== scheme.signatureLength) return false;
  try {
    return verify(scheme.hash, data, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

/** Signs with a private key that fits the algorithm; null for an algorithm that we do not know. */
export function createSignature(algorithm: number, privateKey: KeyObject, data: Uint8Array): Uint8Array | null {
  const scheme = SCHEMES.get(algorithm);
  if (scheme === undefined) return null;
  return new Uint8Array(sign(scheme.hash, data, { key: privateKey, dsaEncoding: "ieee-p1363" }));
}

function describe(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}
