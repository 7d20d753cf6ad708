import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { formatHex, parseHex } from "../../src/base/bytes.ts";
import { readCredentials } from "../../src/pki/certificate.ts";
import { sliceCertificate } from "../../src/pki/der.ts";
import { associationFor } from "../../src/tlsa/association.ts";
import { matchesCertificate } from "../../src/tlsa/match.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";

interface Digests {
  readonly cert_sha256?: string;
  readonly cert_sha512?: string;
  readonly spki_sha256: string;
  readonly spki_sha512: string;
}

interface DigestVector {
  readonly file: string;
  readonly kind: "certificate" | "container" | "key";
  readonly description: string;
  readonly digests?: Digests;
  readonly spki_offset?: number;
  readonly spki_length?: number;
  readonly spki_hex?: string;
  readonly leaf?: string | null;
  readonly certs?: readonly string[];
  readonly damaged?: boolean;
  readonly cert_sha256_in_order?: readonly string[];
}

const folder = vectorsFolder();
const digestsFolder = folder === null ? "" : path.join(folder, "digests");
const truth =
  folder === null
    ? { vectors: [] }
    : (JSON.parse(readFileSync(path.join(digestsFolder, "truth.json"), "utf8")) as {
        readonly vectors: readonly DigestVector[];
      });

function read(file: string): Uint8Array {
  return readFileSync(path.join(digestsFolder, file));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** BER inside the SubjectPublicKeyInfo: clients disagree, so no digest may be printed. */
const REFUSED = new Set(["21-spki-ber-long-length.der"]);

describe.skipIf(folder === null)(vectorsTitle("digest vectors"), () => {
  const certificates = truth.vectors.filter(({ kind }) => kind === "certificate");
  const accepted = certificates.filter(({ file }) => !REFUSED.has(file));

  test("are all there", () => {
    expect(accepted.length).toBeGreaterThanOrEqual(15);
    expect(certificates.length).toBe(accepted.length + REFUSED.size);
  });

  test.each(accepted)("$file: $description", (vector) => {
    const slices = sliceCertificate(read(vector.file));
    if (!slices.ok) throw new Error(slices.fault.message);
    const { der, spki, parts } = slices.value;
    expect(formatHex(spki)).toBe(vector.spki_hex);
    expect(parts.spki.start).toBe(vector.spki_offset);
    const wanted = vector.digests;
    const data = (selector: 0 | 1, matchingType: 0 | 1 | 2): string =>
      formatHex(associationFor({ usage: 3, selector, matchingType }, { der, spki }).data);
    expect(data(0, 1)).toBe(wanted?.cert_sha256);
    expect(data(0, 2)).toBe(wanted?.cert_sha512);
    expect(data(1, 1)).toBe(wanted?.spki_sha256);
    expect(data(1, 2)).toBe(wanted?.spki_sha512);
    expect(data(1, 0)).toBe(vector.spki_hex);
    expect(data(0, 0)).toBe(formatHex(read(vector.file)));
    const record = { usage: 3, selector: 1, matchingType: 1, data: parseHex(wanted?.spki_sha256 ?? "") ?? spki };
    expect(matchesCertificate(record, { der, spki })).toBe(true);
    expect(matchesCertificate({ ...record, selector: 0 }, { der, spki })).toBe(false);
  });

  test.each(certificates.filter(({ file }) => REFUSED.has(file)))("$file is refused as BER", ({ file }) => {
    expect(sliceCertificate(read(file))).toMatchObject({ ok: false, fault: { code: "CERT_NOT_DER" } });
    expect(readCredentials(read(file))).toMatchObject({ ok: false, fault: { code: "CERT_NOT_DER" } });
  });

  test.each(truth.vectors.filter(({ kind, damaged }) => kind === "container" && damaged !== true))(
    "$file: $description",
    (vector) => {
      const credentials = readCredentials(read(vector.file));
      if (!credentials.ok) throw new Error(credentials.fault.message);
      const { certificates: found, chains, leaf } = credentials.value;
      const digests = found.map(({ der }) => sha256(der));
      expect(digests).toEqual(vector.cert_sha256_in_order);
      const leafName = vector.leaf === undefined ? vector.certs?.[0] : vector.leaf;
      const leafIndex = leafName === null || leafName === undefined ? null : vector.certs?.indexOf(leafName);
      expect(leaf).toBe(leafIndex);
      if (leafIndex === null) expect(chains.map((chain) => chain.length)).toEqual([2, 2]);
      else expect(chains.map(([first]) => sha256(first?.der ?? new Uint8Array()))).toEqual([digests[leafIndex ?? -1]]);
    },
  );

  test.each(truth.vectors.filter(({ damaged }) => damaged === true))("$file is reported as damaged", ({ file }) => {
    expect(readCredentials(read(file))).toMatchObject({ ok: false, fault: { code: "CERT_DAMAGED" } });
  });

  test.each(truth.vectors.filter(({ kind }) => kind === "key"))("$file: $description", ({ file, digests }) => {
    const credentials = readCredentials(read(file));
    if (!credentials.ok) throw new Error(credentials.fault.message);
    expect(credentials.value.keys.map(({ spki }) => sha256(spki))).toEqual([digests?.spki_sha256]);
  });
});
