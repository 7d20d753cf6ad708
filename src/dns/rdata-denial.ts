/** RDATA of the records that prove what does not exist: NSEC, NSEC3 and NSEC3PARAM. The rules are those of rdata.ts. */
import { encodeBase32Hex } from "../base/base32.ts";
import { concatBytes, formatHex } from "../base/bytes.ts";
import type { Fault } from "../base/errors.ts";
import { success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { TYPE, typeName } from "./iana.ts";
import { decodePlainName, encodeName } from "./name.ts";
import type { DomainName } from "./name.ts";
import { malformedRdata } from "./rdata-layout.ts";
import { decodeTypeBitmap, encodeTypeBitmap } from "./type-bitmap.ts";
import { readUint16, uint16 } from "./wire.ts";

/** NSEC RDATA (RFC 4034 §4.1); `types` ascend. */
export interface NsecRdata {
  readonly next: DomainName;
  readonly types: readonly number[];
}

/** How names were hashed: NSEC3PARAM RDATA (RFC 5155 §4.2), and the first fields of NSEC3. */
export interface Nsec3paramRdata {
  /** 1 is SHA-1, the only one there is. */
  readonly hashAlgorithm: number;
  readonly flags: number;
  /** Hashings after the first. */
  readonly iterations: number;
  readonly salt: Uint8Array;
}

/** NSEC3 RDATA (RFC 5155 §3.2); `types` ascend. */
export interface Nsec3Rdata extends Nsec3paramRdata {
  /** The next hash in the order of the zone, not a name. */
  readonly nextHashed: Uint8Array;
  readonly types: readonly number[];
}

/** Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeNsec(rdata: Uint8Array): Result<NsecRdata, Fault> {
  const next = decodePlainName(rdata, 0);
  if (!next.ok) return next;
  const types = decodeTypeBitmap(rdata.subarray(next.value.next));
  if (types === null) return malformedRdata(TYPE.NSEC, "has a malformed type bitmap");
  return success({ next: next.value.name, types });
}

/** RDATA of an NSEC record. */
export function encodeNsec(nsec: NsecRdata): Uint8Array {
  return concatBytes(encodeName(nsec.next), encodeTypeBitmap(nsec.types));
}

/** The fields that NSEC3 and NSEC3PARAM share, and the octet where they end. */
function decodeParameters(
  type: number,
  rdata: Uint8Array,
): Result<{ readonly parameters: Nsec3paramRdata; readonly end: number }, Fault> {
  const [hashAlgorithm, flags, , , saltLength] = rdata;
  if (hashAlgorithm === undefined || flags === undefined || saltLength === undefined) {
    return malformedRdata(type, "has fewer than five octets");
  }
  const end = 5 + saltLength;
  if (end > rdata.length) return malformedRdata(type, "ends within its salt");
  const iterations = readUint16(rdata, 2);
  return success({ parameters: { hashAlgorithm, flags, iterations, salt: rdata.slice(5, end) }, end });
}

/** Any hash algorithm, flags and iterations decode: what they are worth is for `dnssec` to say. Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeNsec3(rdata: Uint8Array): Result<Nsec3Rdata, Fault> {
  const start = decodeParameters(TYPE.NSEC3, rdata);
  if (!start.ok) return start;
  const { parameters, end } = start.value;
  // RFC 5155 §3.2: the hash has 1 to 255 octets.
  const hashLength = rdata[end] ?? 0;
  const hashEnd = end + 1 + hashLength;
  if (hashLength === 0 || hashEnd > rdata.length) return malformedRdata(TYPE.NSEC3, "has no next hash");
  const types = decodeTypeBitmap(rdata.subarray(hashEnd));
  if (types === null) return malformedRdata(TYPE.NSEC3, "has a malformed type bitmap");
  return success({ ...parameters, nextHashed: rdata.slice(end + 1, hashEnd), types });
}

function encodeParameters({ hashAlgorithm, flags, iterations, salt }: Nsec3paramRdata): Uint8Array {
  return concatBytes(Uint8Array.of(hashAlgorithm, flags), uint16(iterations), Uint8Array.of(salt.length), salt);
}

/** RDATA of an NSEC3 record; salt and hash have at most 255 octets. */
export function encodeNsec3(nsec3: Nsec3Rdata): Uint8Array {
  const { nextHashed, types } = nsec3;
  const hash = concatBytes(Uint8Array.of(nextHashed.length), nextHashed);
  return concatBytes(encodeParameters(nsec3), hash, encodeTypeBitmap(types));
}

/** Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeNsec3param(rdata: Uint8Array): Result<Nsec3paramRdata, Fault> {
  const decoded = decodeParameters(TYPE.NSEC3PARAM, rdata);
  if (!decoded.ok) return decoded;
  const { parameters, end } = decoded.value;
  return end === rdata.length ? success(parameters) : malformedRdata(TYPE.NSEC3PARAM, "has octets left over");
}

/** `host.example. A MX RRSIG NSEC` (RFC 4034 §4.2). */
export function formatNsec(nsec: NsecRdata): string {
  return [nsec.next, ...nsec.types.map(typeName)].join(" ");
}

/** `1 0 0 -` or with a salt in hex (RFC 5155 §4.3). */
export function formatNsec3param({ hashAlgorithm, flags, iterations, salt }: Nsec3paramRdata): string {
  return [hashAlgorithm, flags, iterations, salt.length === 0 ? "-" : formatHex(salt)].join(" ");
}

/** `1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG` (RFC 5155 §3.3). */
export function formatNsec3(nsec3: Nsec3Rdata): string {
  return [formatNsec3param(nsec3), encodeBase32Hex(nsec3.nextHashed), ...nsec3.types.map(typeName)].join(" ");
}
