/** The mistakes that people make with TLSA data, each by its name and with the record that was meant. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { formatTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { formatPemBlock } from "../../src/pki/pem.ts";
import type { Evidence } from "../../src/verifier/evidence.ts";
import { judge } from "../../src/verifier/judge.ts";
import { dn } from "../fakes/resolver.ts";
import type { Forged } from "../fakes/forge.ts";
import { forgeAuthority, forgeLeaf } from "../fakes/forge.ts";

const root = forgeAuthority("CN=Root");
const issuer = forgeAuthority("CN=Issuer", root);
const leaf = forgeLeaf(issuer);
const before = forgeLeaf(issuer);
const stranger = forgeLeaf(root);

const hash = (name: string, input: string | Uint8Array): Uint8Array => createHash(name).update(input).digest();
const sha256 = (input: string | Uint8Array): Uint8Array => hash("sha256", input);
const pem = formatPemBlock("CERTIFICATE", leaf.der);
const keyPem = formatPemBlock("PUBLIC KEY", leaf.read.spki);

function tlsa(parameters: string, data: Uint8Array): TlsaRdata {
  const [usage = 0, selector = 0, matchingType = 0] = parameters.split(" ").map(Number);
  return { usage, selector, matchingType, data };
}

function look(record: TlsaRdata, chain: readonly Forged[] = [leaf, issuer], more: Partial<Evidence> = {}) {
  const baseDomain = dn("mx.example.org");
  const judgement = judge({
    tlsa: { kind: "records", baseDomain, owner: dn("_25._tcp.mx.example.org"), aliases: [], records: [record] },
    probe: { outcome: "served", certificates: chain.map(({ der }) => der), tlsVersion: "TLSv1.3" },
    profile: "smtp",
    referenceNames: [baseDomain],
    eeNames: false,
    trustStore: [],
    mailExchangerSecure: true,
    at: instant(Date.UTC(2026, 0, 1)),
    ...more,
  });
  const [judged] = judgement.records;
  return { judgement, status: judged?.status, reason: judged?.reason, instead: judged?.instead };
}

const leafCert = tlsa("3 0 1", sha256(leaf.der));
const leafKey = tlsa("3 1 1", sha256(leaf.read.spki));
const leafKey512 = tlsa("3 1 2", hash("sha512", leaf.read.spki));
const issuerKey = tlsa("2 1 1", sha256(issuer.read.spki));
const issuerCert = tlsa("2 0 1", sha256(issuer.der));
const as = (record: TlsaRdata, parameters: string): TlsaRdata => tlsa(parameters, record.data);

const MISTAKES: readonly (readonly [
  what: string,
  record: TlsaRdata,
  status: string,
  reason: RegExp,
  instead: TlsaRdata | null,
])[] = [
  [
    "the certificate's digest under selector 1",
    as(leafCert, "3 1 1"),
    "stale",
    /certificate under selector 1: that is selector 0/,
    leafCert,
  ],
  [
    "the key's digest under selector 0",
    as(leafKey, "3 0 1"),
    "stale",
    /public key under selector 0: that is selector 1/,
    leafKey,
  ],
  [
    "the issuer's digest as usage 3",
    as(issuerKey, "3 1 1"),
    "stale",
    /an issuer's public key .*usage 3 is about/,
    issuerKey,
  ],
  [
    "the issuer's certificate as usage 3, selector 1",
    as(issuerCert, "3 1 1"),
    "stale",
    /an issuer's certificate/,
    issuerCert,
  ],
  [
    "the server's own digest as usage 2",
    as(leafKey, "2 1 1"),
    "stale",
    /the server's own public key: usage 2 is about its issuers/,
    leafKey,
  ],
  [
    "the digest of a PEM file",
    tlsa("3 0 1", sha256(pem)),
    "stale",
    /digest of the PEM text of the server's own certificate/,
    leafCert,
  ],
  ["without the line end", tlsa("3 0 1", sha256(pem.trimEnd())), "stale", /the PEM text/, leafCert],
  [
    "with the line ends of Windows",
    tlsa("3 0 1", sha256(pem.replaceAll("\n", "\r\n"))),
    "stale",
    /the PEM text/,
    leafCert,
  ],
  [
    "the digest of a public key in PEM",
    tlsa("3 1 1", sha256(keyPem)),
    "stale",
    /the PEM text of the server's own public key/,
    leafKey,
  ],
  ["its SHA2-512", tlsa("3 1 2", hash("sha512", keyPem)), "stale", /SHA2-512 digest of the PEM text/, leafKey512],
  [
    "the digest of Base64",
    tlsa("3 0 1", sha256(Buffer.from(leaf.der).toString("base64"))),
    "stale",
    /the Base64 text/,
    leafCert,
  ],
  [
    "the digest of hex",
    tlsa("3 0 1", sha256(Buffer.from(leaf.der).toString("hex"))),
    "stale",
    /the hex text/,
    leafCert,
  ],
  ["the digest of nothing", tlsa("3 1 1", sha256("")), "stale", /the digest of nothing/, leafKey],
  ["the SHA2-512 of nothing", tlsa("3 1 2", hash("sha512", "")), "stale", /the digest of nothing/, leafKey512],
  [
    "SHA2-512 under matching type 1",
    as(leafKey512, "3 1 1"),
    "unusable",
    /64 octets instead of 32.*SHA2-512 digest of the server's own public key: that is matching type 2/,
    leafKey512,
  ],
  [
    "SHA2-256 under matching type 2",
    as(leafKey, "3 1 2"),
    "unusable",
    /32 octets instead of 64.*SHA2-256.*that is matching type 1/,
    leafKey,
  ],
  ["a digest under matching type 0", as(leafKey, "3 1 0"), "unusable", /that is matching type 1/, leafKey],
  [
    "the octets under matching type 1",
    tlsa("3 1 1", leaf.read.spki),
    "unusable",
    /the octets of the server's own public key: that is matching type 0/,
    tlsa("3 1 0", leaf.read.spki),
  ],
  [
    "a SHA-1 fingerprint",
    tlsa("3 0 1", hash("sha1", leaf.der)),
    "unusable",
    /the SHA-1 digest of the server's own certificate/,
    leafCert,
  ],
  [
    "an issuer that is not sent",
    tlsa("2 0 1", sha256(root.der)),
    "stale",
    /not among the issuers that the server sent/,
    null,
  ],
];

describe("a mistake by its name, and the record that was meant", () => {
  test.each(MISTAKES)("%s", (_what, record, status, reason, instead) => {
    const found = look(record);
    expect(found.status).toBe(status);
    expect(found.reason).toMatch(reason);
    expect(found.instead && formatTlsa(found.instead)).toEqual(instead && formatTlsa(instead));
  });

  test("the record that is named instead is right", () => {
    for (const [what, , , , instead] of MISTAKES) {
      if (instead !== null) expect(look(instead).judgement.verdict, what).toBe("verified");
    }
  });

  test("another server's digest is no mistake that could be told from here", () => {
    expect(look(tlsa("3 1 1", sha256(stranger.read.spki)))).toMatchObject({
      status: "stale",
      reason: null,
      instead: null,
    });
  });

  test("the previous certificate's digest, when that is known", () => {
    const record = tlsa("3 1 1", sha256(before.read.spki));
    expect(look(record).reason).toBeNull();
    const known = look(record, [leaf, issuer], { previous: [before.der] });
    expect(known.reason).toMatch(/the server's previous public key: the renewal was not published/);
    expect(known.instead && formatTlsa(known.instead)).toBe(formatTlsa(leafKey));
    expect(known.judgement.verdict).toBe("fail-mismatch");
  });

  test("a long chain of the peer's choice does not keep us busy", () => {
    const chain = [leaf, ...Array.from({ length: 60 }, () => issuer)];
    const started = performance.now();
    expect(look(tlsa("3 1 1", sha256("x")), chain).status).toBe("stale");
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
