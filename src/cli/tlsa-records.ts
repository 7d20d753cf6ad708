/**
 * From files to TLSA records. All files of one call are one heap: `cert.pem chain.pem` is the same as `fullchain.pem`.
 * A file with several server certificates gives the records of each, because a server that has an RSA and an ECDSA
 * certificate needs both. Keys count where the heap has no certificate of theirs.
 */
import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { chainsOf } from "../pki/certificate.ts";
import type { Certificate, Credentials } from "../pki/certificate.ts";
import type { KeyItem } from "../pki/container.ts";
import { nameOf } from "../pki/path.ts";
import type { TlsaLine } from "../report/tlsa-text.ts";
import {
  MAX_ASSOCIATION_DATA,
  associationFor,
  digestsAreRight,
  isDigestOfNothing,
  sameRecord,
} from "../tlsa/association.ts";
import { formatParameters, isIssuerUsage } from "../tlsa/params.ts";
import type { TlsaParameters } from "../tlsa/params.ts";

/** Records, and remarks about the input for people. */
export interface ComputedRecords {
  readonly lines: readonly TlsaLine[];
  readonly remarks: readonly Remark[];
}

/** A remark about the input: a `warning` when the records are probably not what was wanted. */
interface Remark {
  readonly level: "warning" | "note";
  readonly text: string;
}

/** What the files hold, pooled. */
interface Heap {
  readonly chains: readonly (readonly Certificate[])[];
  readonly keys: readonly KeyItem[];
}

/**
 * The records of everything that was read, for each of the parameters in turn. `CERT_NO_ISSUER` for usages 0 and 2
 * without an issuer in the files, `KEY_HAS_NO_CERTIFICATE` for keys and requests with parameters that need one.
 */
export function computeRecords(
  files: readonly Credentials[],
  parameters: readonly TlsaParameters[],
  now: Instant,
): Result<ComputedRecords, Fault> {
  assert(digestsAreRight(), "the SHA-2 digests of this Node are wrong");
  const certificates = files.flatMap((file) => file.certificates);
  const known = (key: KeyItem): boolean => certificates.some(({ spki }) => equalBytes(spki, key.spki));
  const heap: Heap = {
    chains: chainsOf(certificates),
    // A key beside certificates in one file is the server's own; alone in a file it was named on purpose.
    keys: files.flatMap((file) => (file.certificates.length > 0 ? [] : file.keys.filter((key) => !known(key)))),
  };
  const lines: TlsaLine[] = [];
  for (const each of parameters) {
    const found = recordsFor(each, heap);
    if (!found.ok) return found;
    for (const line of found.value) {
      assert(!isDigestOfNothing(line.record.data), "digest of no octets");
      if (!lines.some(({ record }) => sameRecord(record, line.record))) lines.push(line);
    }
  }
  return success({ lines, remarks: remarksOn(files, heap, parameters, now) });
}

function recordsFor(parameters: TlsaParameters, heap: Heap): Result<readonly TlsaLine[], Fault> {
  const name = formatParameters(parameters);
  const certificates = heap.chains.flatMap((chain) => certificatesFor(parameters, chain));
  if (isIssuerUsage(parameters.usage) && certificates.length === 0 && heap.chains.length > 0) {
    const [leaf] = heap.chains[0] ?? [];
    const whose = leaf === undefined ? "the certificate" : nameOf(leaf);
    return failure(fault("CERT_NO_ISSUER", `${name} needs the issuer of ${whose}, and it is not in the file`));
  }
  const [key] = heap.keys;
  if (key !== undefined && (isIssuerUsage(parameters.usage) || parameters.selector === 0)) {
    return failure(fault("KEY_HAS_NO_CERTIFICATE", `${name} cannot be computed from a ${key.source}`));
  }
  const longest = Math.max(0, ...certificates.map(({ certificate }) => certificate.der.length));
  if (parameters.matchingType === 0 && longest > MAX_ASSOCIATION_DATA) {
    return failure(
      fault("CERT_UNSUPPORTED", `${name}: ${String(longest)} octets do not fit into a record`, "use a digest"),
    );
  }
  return success([
    ...certificates.map(({ certificate, depth }) => ({
      record: associationFor(parameters, certificate),
      depth,
      subject: certificate.subject,
      source: "certificate" as const,
    })),
    ...heap.keys.map(({ spki, source }) => ({
      record: associationFor(parameters, { der: spki, spki }),
      depth: 0,
      subject: null,
      source,
    })),
  ]);
}

/** The leaf for usages 1 and 3, its issuers for 0 and 2; of a file with authorities alone each one is an issuer. */
function certificatesFor(
  { usage }: TlsaParameters,
  chain: readonly Certificate[],
): readonly { readonly certificate: Certificate; readonly depth: number }[] {
  const [leaf] = chain;
  if (leaf === undefined) return [];
  if (!isIssuerUsage(usage)) return [{ certificate: leaf, depth: 0 }];
  const issuers = leaf.isCa ? chain : chain.slice(1);
  return issuers.map((certificate, at) => ({ certificate, depth: at + 1 }));
}

function remarksOn(
  files: readonly Credentials[],
  heap: Heap,
  parameters: readonly TlsaParameters[],
  now: Instant,
): readonly Remark[] {
  const remarks: Remark[] = [];
  const remark = (level: Remark["level"], text: string): void => void remarks.push({ level, text });
  const leaves = heap.chains.flatMap((chain) => chain.slice(0, 1));
  if (leaves.length > 1) {
    const names = leaves.map((leaf) => `${nameOf(leaf)} (${leaf.keyAlgorithm})`).join(", ");
    // One certificate for each kind of key is how servers are set up; two of one kind look like an old file.
    const kinds = new Set(leaves.map((leaf) => leaf.keyAlgorithm.split(" ")[0]));
    const level = kinds.size === leaves.length ? "note" : "warning";
    remark(level, `${String(leaves.length)} server certificates, records of each: ${names}`);
  }
  for (const leaf of leaves) {
    if (leaf.notAfter < now && leaf.unreadable === null) {
      remark("warning", `${nameOf(leaf)} expired at ${formatInstant(leaf.notAfter)}`);
    }
    if (leaf.isCa && !leaf.isSelfIssued && parameters.some(({ usage }) => !isIssuerUsage(usage))) {
      remark(
        "warning",
        `${nameOf(leaf)} is a certification authority: is the server certificate missing from the file?`,
      );
    }
    if (leaf.unreadable !== null)
      remark("warning", `${nameOf(leaf)} has fields that cannot be read: ${leaf.unreadable}`);
  }
  for (const { certificates, keys } of files) {
    const stray = keys.find((key) => !certificates.some(({ spki }) => equalBytes(spki, key.spki)));
    if (certificates.length > 0 && stray !== undefined) {
      remark("warning", `the ${stray.source} in the file belongs to none of its certificates; it was left out`);
    }
  }
  return remarks;
}
