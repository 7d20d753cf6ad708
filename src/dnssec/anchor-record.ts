/** One trust anchor of a file: what every syntax has in common, and the checks that all of them need. */
import { decodeBase64 } from "../base/base64.ts";
import { parseHex } from "../base/bytes.ts";
import { failure, success } from "../base/result.ts";
import type { Failure, Result } from "../base/result.ts";
import { algorithmName, digestTypeName } from "../dns/iana.ts";
import { parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeDnskey, encodeDnskey } from "../dns/rdata.ts";
import type { DsRdata } from "../dns/rdata.ts";
import { importPublicKey, isSupportedAlgorithm } from "./algorithms.ts";
import { DNSKEY_FLAG, DNSKEY_PROTOCOL } from "./signature.ts";

/** What is wrong, and where in the text; `offset` counts its characters from 0. */
export interface AnchorFault {
  readonly message: string;
  readonly offset: number;
  /** What to do about it, where the catalogue's own hint is not the best one. */
  readonly hint?: string;
}

/** A piece of the text. */
export interface Word {
  readonly text: string;
  readonly offset: number;
}

/** A DS record, or the RDATA of a DNSKEY. */
export type AnchorData =
  { readonly kind: "ds"; readonly ds: DsRdata } | { readonly kind: "dnskey"; readonly dnskey: Uint8Array };

/** An anchor as it stands in the file. */
export interface FoundAnchor {
  readonly zone: DomainName;
  readonly data: AnchorData;
  readonly offset: number;
  /** Why the file itself says not to use it now: "has expired on …"; null when it may be used. */
  readonly unusable: string | null;
}

export type FoundAnchors = Result<readonly FoundAnchor[], AnchorFault>;

/** Characters of a key or digest in text. The longest RSA key has 700; this only keeps absurd ones from costing time. */
const MAX_DATA = 16_384;

/** Octets of a digest by its type (RFC 4034 appendix A.2, RFC 4509, RFC 6605 §2). */
const DIGEST_LENGTHS: ReadonlyMap<number, number> = new Map([
  [1, 20],
  [2, 32],
  [4, 48],
]);

/** Bad news about a place in the text. */
export function wrong(offset: number, message: string, hint?: string): Failure<AnchorFault> {
  return failure(hint === undefined ? { message, offset } : { message, offset, hint });
}

/** Text from the file for a message: in quotes, no longer than a line bears. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** A decimal number up to `most`. `what` says which one, for the message. */
export function readNumber(word: Word, most: number, what: string): Result<number, AnchorFault> {
  if (/^\d{1,5}$/.test(word.text) && Number(word.text) <= most) return success(Number(word.text));
  return wrong(word.offset, `${shown(word.text)} is no ${what}: a number up to ${String(most)} is needed`);
}

/** An algorithm by number or mnemonic (RFC 4034 §2.2, §5.3). */
function readAlgorithm(word: Word): Result<number, AnchorFault> {
  const named = /^[a-z]/i.test(word.text) ? word.text.toUpperCase() : null;
  for (let code = 0; named !== null && code < 256; code++) if (algorithmName(code) === named) return success(code);
  return readNumber(word, 255, "algorithm");
}

/** The zone's name. */
export function readZone(word: Word): Result<DomainName, AnchorFault> {
  const zone = parseName(word.text);
  return zone.ok ? zone : wrong(word.offset, zone.fault.message, zone.fault.hint);
}

/** The pieces of a digest or a key as one text; what is too long comes back empty, which is neither hex nor base64. */
function joined(words: readonly Word[]): string {
  const text = words.map((word) => word.text).join("");
  return text.length > MAX_DATA ? "" : text;
}

/** The fields of a DS record: key tag, algorithm, digest type, digest in any number of pieces. `end` is where they should be. */
export function readDs(words: readonly Word[], end: number): Result<AnchorData, AnchorFault> {
  const [tagWord, algorithmWord, typeWord, first, ...more] = words;
  if (tagWord === undefined || algorithmWord === undefined || typeWord === undefined || first === undefined) {
    return wrong(end, "a DS record needs four fields: key tag, algorithm, digest type, digest");
  }
  const keyTag = readNumber(tagWord, 65_535, "key tag");
  if (!keyTag.ok) return keyTag;
  const algorithm = readAlgorithm(algorithmWord);
  if (!algorithm.ok) return algorithm;
  const digestType = readNumber(typeWord, 255, "digest type");
  if (!digestType.ok) return digestType;
  const digest = parseHex(joined([first, ...more]));
  if (digest === null || digest.length === 0) {
    return wrong(first.offset, "the digest is not hexadecimal, two digits for each octet");
  }
  return success({
    kind: "ds",
    ds: { keyTag: keyTag.value, algorithm: algorithm.value, digestType: digestType.value, digest },
  });
}

/** The fields of a DNSKEY: flags, protocol, algorithm, key in any number of pieces. `end` is where they should be. */
export function readDnskey(words: readonly Word[], end: number): Result<AnchorData, AnchorFault> {
  const [flagsWord, protocolWord, algorithmWord, first, ...more] = words;
  if (flagsWord === undefined || protocolWord === undefined || algorithmWord === undefined || first === undefined) {
    return wrong(end, "a DNSKEY record needs four fields: flags, protocol, algorithm, key");
  }
  const flags = readNumber(flagsWord, 65_535, "flags field");
  if (!flags.ok) return flags;
  const protocol = readNumber(protocolWord, 255, "protocol");
  if (!protocol.ok) return protocol;
  const algorithm = readAlgorithm(algorithmWord);
  if (!algorithm.ok) return algorithm;
  const publicKey = decodeBase64(joined([first, ...more]));
  if (publicKey === null || publicKey.length === 0) return wrong(first.offset, "the key is not base64");
  const fields = { flags: flags.value, protocol: protocol.value, algorithm: algorithm.value, publicKey };
  return success({ kind: "dnskey", dnskey: encodeDnskey(fields) });
}

function digestProblem({ digestType, digest }: DsRdata): string | null {
  const length = DIGEST_LENGTHS.get(digestType) ?? digest.length;
  if (digest.length === length) return null;
  return `the digest has ${String(digest.length)} octets, but ${digestTypeName(digestType)} makes ${String(length)}`;
}

function keyProblem(rdata: Uint8Array): string | null {
  const key = decodeDnskey(rdata);
  if (!key.ok) return key.fault.message;
  const { flags, protocol, algorithm, publicKey } = key.value;
  if ((flags & DNSKEY_FLAG.ZONE) === 0) return `the key is no zone key: flags ${String(flags)} lack the bit 256`;
  if ((flags & DNSKEY_FLAG.REVOKE) !== 0) return `the key is revoked: flags ${String(flags)} have the bit 128`;
  if (protocol !== DNSKEY_PROTOCOL) return `the key has protocol ${String(protocol)}, it must be 3`;
  // A key of an algorithm that nobody here can check is a matter for validation, not of spelling.
  if (!isSupportedAlgorithm(algorithm, { sha1: true })) return null;
  const imported = importPublicKey(algorithm, publicKey);
  return imported.ok ? null : imported.fault;
}

/**
 * The anchor, unless no zone could ever have such a key or digest; the fault stands at `offset`. What is not to be used
 * anyway is let pass: a key that its file calls revoked does have the flag.
 */
export function checkAnchor(anchor: FoundAnchor, offset: number): Result<FoundAnchor, AnchorFault> {
  if (anchor.unusable !== null) return success(anchor);
  const { data } = anchor;
  const problem = data.kind === "ds" ? digestProblem(data.ds) : keyProblem(data.dnskey);
  return problem === null ? success(anchor) : wrong(offset, problem);
}
