/**
 * The keys of a zone as the validator holds them: DNSKEY RDATA with its tag, and the public key imported at most once.
 * Importing costs more than verifying with some algorithms, and most keys of a set never verify anything.
 */
import type { KeyObject } from "node:crypto";
import type { DomainName } from "../dns/name.ts";
import { decodeDnskey } from "../dns/rdata.ts";
import { importPublicKey } from "./algorithms.ts";
import { DNSKEY_FLAG, DNSKEY_PROTOCOL, keyTag } from "./signature.ts";
import type { LinkKey } from "./verdict.ts";

export interface ZoneKey {
  readonly rdata: Uint8Array;
  readonly tag: number;
  readonly algorithm: number;
  readonly flags: number;
  /** Null when it may sign: zone key bit, protocol 3, not revoked (RFC 4034 §2.1, RFC 5011 §2.1). Else why not. */
  readonly unfit: string | null;
  /** Null when the octets are no key of the algorithm. */
  readonly publicKey: () => KeyObject | null;
}

/** The keys of a secure zone, with which its own records and its delegations are judged. */
export interface ZoneKeys {
  readonly zone: DomainName;
  readonly keys: readonly ZoneKey[];
  /** Algorithms that the zone's DS records (or anchors) announce, as far as supported. */
  readonly announced: readonly number[];
}

function unfitFor(flags: number, protocol: number): string | null {
  if ((flags & DNSKEY_FLAG.ZONE) === 0) return "has no zone key bit";
  if (protocol !== DNSKEY_PROTOCOL) return `has protocol ${String(protocol)}, not 3`;
  return (flags & DNSKEY_FLAG.REVOKE) === 0 ? null : "is revoked";
}

/** Null for RDATA too short to be a DNSKEY. */
export function zoneKey(rdata: Uint8Array): ZoneKey | null {
  const decoded = decodeDnskey(rdata);
  if (!decoded.ok) return null;
  const { flags, protocol, algorithm, publicKey } = decoded.value;
  let imported: KeyObject | null | undefined;
  return {
    rdata,
    tag: keyTag(rdata),
    algorithm,
    flags,
    unfit: unfitFor(flags, protocol),
    publicKey: () => {
      if (imported === undefined) {
        const key = importPublicKey(algorithm, publicKey);
        imported = key.ok ? key.value : null;
      }
      return imported;
    },
  };
}

export function linkKeyOf(key: ZoneKey, used: boolean): LinkKey {
  return { keyTag: key.tag, algorithm: key.algorithm, digestType: null, flags: key.flags, used };
}
