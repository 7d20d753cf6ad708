import { beforeAll, describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { associationFor } from "../../src/tlsa/association.ts";
import type { TlsaParameters } from "../../src/tlsa/params.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import type { Evidence } from "../../src/verifier/evidence.ts";
import { judge } from "../../src/verifier/judge.ts";
import { exitOf, worstVerdict } from "../../src/verifier/verdict.ts";
import { dn } from "../fakes/resolver.ts";

let root: IssuedCertificate;
let issuer: IssuedCertificate;
let leaf: IssuedCertificate;

beforeAll(async () => {
  const dates = { notBefore: instant(Date.UTC(2025, 0, 1)), notAfter: instant(Date.UTC(2027, 0, 1)) };
  root = await issueCertificate({ ...dates, subject: "CN=Root", authority: {} });
  issuer = await issueCertificate({ ...dates, subject: "CN=Issuer", authority: {}, issuer: root });
  leaf = await issueCertificate({ ...dates, subject: "CN=x", dnsNames: ["example.org"], issuer });
});

function of(certificate: IssuedCertificate, ...[usage, selector, matchingType]: TlsaParametersTuple): TlsaRdata {
  const read = readCertificate(certificate.der);
  if (!read.ok) throw new Error(read.fault.message);
  return associationFor({ usage, selector, matchingType }, read.value);
}
type TlsaParametersTuple = readonly [
  TlsaParameters["usage"],
  TlsaParameters["selector"],
  TlsaParameters["matchingType"],
];

function evidence(records: readonly TlsaRdata[], overrides: Partial<Evidence> = {}): Evidence {
  const baseDomain = dn("mx.example.org");
  return {
    tlsa: { kind: "records", baseDomain, owner: dn("_25._tcp.mx.example.org"), aliases: [], records },
    probe: { outcome: "served", certificates: [leaf.der, issuer.der], tlsVersion: "TLSv1.3" },
    profile: "smtp",
    referenceNames: [baseDomain, dn("example.org")],
    eeNames: false,
    trustStore: [],
    mailExchangerSecure: true,
    at: instant(Date.UTC(2026, 0, 1)),
    ...overrides,
  };
}

describe("the judge", () => {
  test("an insecure MX makes a verified host no more than host-verified", () => {
    const judgement = judge(evidence([of(leaf, 3, 1, 1)], { mailExchangerSecure: false }));
    expect([judgement.verdict, exitOf(judgement.verdict)]).toEqual(["host-verified", 1]);
  });

  test("an insecure MX does not soften a failure", () => {
    expect(judge(evidence([of(root, 3, 1, 1)], { mailExchangerSecure: false })).verdict).toBe("fail-mismatch");
  });

  test("only the mail domain is in the certificate: verified for 2 1 1, with a note about Exim", () => {
    const judgement = judge(evidence([of(issuer, 2, 1, 1)]));
    expect(judgement.verdict).toBe("verified");
    expect(judgement.warnings).toEqual([expect.stringMatching(/Exim/)]);
    expect(judge(evidence([of(issuer, 2, 1, 1)], { referenceNames: [dn("mx.example.org")] })).verdict).toBe(
      "fail-name",
    );
  });

  test("the wire order of the chain does not matter for usage 2", () => {
    const certificates = [leaf.der, root.der, issuer.der];
    const probe = { outcome: "served", certificates, tlsVersion: "" } as const;
    const judgement = judge(evidence([of(root, 2, 0, 1)], { probe }));
    expect([judgement.verdict, judgement.records[0]?.depth]).toEqual(["verified", 2]);
  });

  test("a published root that is not sent cannot match by digest, and the reason says so", () => {
    const judgement = judge(evidence([of(root, 2, 1, 1)]));
    expect(judgement.verdict).toBe("fail-mismatch");
    expect(judgement.records[0]?.reason).toMatch(/not among the issuers that the server sent/);
  });

  test.each([
    ["the certificate's digest as selector 1", () => ({ ...of(leaf, 3, 0, 1), selector: 1 }), /that is selector 0/],
    ["the key's digest as selector 0", () => ({ ...of(leaf, 3, 1, 1), selector: 0 }), /that is selector 1/],
    ["the issuer's digest as usage 3", () => ({ ...of(issuer, 2, 1, 1), usage: 3 }), /an issuer's/],
    ["the leaf's digest as usage 2", () => ({ ...of(leaf, 3, 1, 1), usage: 2 }), /the server's own/],
    [
      "the digest of nothing",
      () => ({
        ...of(leaf, 3, 1, 1),
        data: new Uint8Array(Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex")),
      }),
      /digest of nothing/,
    ],
  ])("names the mistake: %s", (_name, record, reason) => {
    const judgement = judge(evidence([record()]));
    expect(judgement.verdict).toBe("fail-mismatch");
    expect(judgement.records[0]?.reason).toMatch(reason);
  });

  test("usage 3 with an expired certificate is verified, with a warning", () => {
    const judgement = judge(evidence([of(leaf, 3, 1, 1)], { at: instant(Date.UTC(2030, 0, 1)) }));
    expect(judgement.verdict).toBe("verified");
    expect(judgement.warnings).toEqual([expect.stringMatching(/expired/)]);
  });

  test("a leaf that is no certificate is a failure of the chain, not a crash", () => {
    for (const octets of [[], [0x30], [0x30, 0x80, 0, 0], [1, 2, 3]]) {
      const probe = { outcome: "served", certificates: [Uint8Array.from(octets)], tlsVersion: "" } as const;
      expect(judge(evidence([of(leaf, 3, 1, 1)], { probe })).verdict).toBe("fail-chain");
    }
    const empty = { outcome: "served", certificates: [], tlsVersion: "" } as const;
    expect(judge(evidence([of(leaf, 3, 1, 1)], { probe: empty })).verdict).toBe("fail-chain");
  });

  test("damaged certificates behind the leaf are left out", () => {
    const certificates = [leaf.der, issuer.der.subarray(0, 50), issuer.der];
    const judgement = judge(
      evidence([of(issuer, 2, 1, 1)], { probe: { outcome: "served", certificates, tlsVersion: "" } }),
    );
    expect(judgement.verdict).toBe("verified");
    expect(judgement.warnings).toContainEqual(expect.stringMatching(/1 of the certificates/));
  });

  test.each([
    ["CONNECT_FAILED", "unreachable"],
    ["CONNECT_TIMEOUT", "unreachable"],
    ["SERVICE_REFUSED", "unreachable"],
    ["STARTTLS_REFUSED", "fail-tls"],
    ["STARTTLS_INJECTION", "fail-tls"],
    ["TLS_FAILED", "fail-tls"],
    ["TLS_TIMEOUT", "fail-tls"],
  ] as const)("%s is %s", (code, verdict) => {
    const probe = { outcome: "failed", fault: fault(code, "what happened") } as const;
    expect(judge(evidence([of(leaf, 3, 1, 1)], { probe })).verdict).toBe(verdict);
  });
});

describe("the worst verdict", () => {
  test("2 over 3 over 1 over 0", () => {
    expect(worstVerdict([])).toBeNull();
    expect(worstVerdict(["verified", "no-dane"])).toBe("no-dane");
    expect(worstVerdict(["no-dane", "unreachable", "verified"])).toBe("unreachable");
    expect(worstVerdict(["unreachable", "fail-name", "tlsa-error"])).toBe("fail-name");
  });
});
