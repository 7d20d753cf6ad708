/** Chains and records from somebody who wants us to fall over, or to believe him. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCertificate } from "../../src/pki/certificate.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { instant } from "../../src/base/time.ts";
import { judge } from "../../src/verifier/judge.ts";
import type { Judgement } from "../../src/verifier/verdict.ts";
import { forgeAuthority, forgeLeaf, generalName, SERVER_AUTH } from "../fakes/forge.ts";
import { dn } from "../fakes/resolver.ts";
import { HOST, of } from "./looking.ts";

const issuer = forgeAuthority("O=Example,CN=Issuer", undefined, {
  subjectKeyId: "right",
  pathLength: 3,
  keyUsage: [5, 6],
  permitted: [
    generalName.dns("example.org"),
    generalName.directory("O=Example"),
    generalName.ip(0, 0, 0, 0, 0, 0, 0, 0),
  ],
  excluded: [generalName.dns("x.example.org"), generalName.email("example.com")],
});
const leaf = forgeLeaf(issuer, {
  subject: "O=Example,CN=leaf",
  authorityKeyId: "right",
  keyUsage: [0],
  purposes: [SERVER_AUTH],
  otherNames: [generalName.ip(192, 0, 2, 1), generalName.directory("O=Example,CN=y")],
});

function look(certificates: readonly Uint8Array[], records: readonly TlsaRdata[]): Judgement {
  return judge({
    tlsa: { kind: "records", baseDomain: HOST, owner: dn("_25._tcp.mx.example.org"), aliases: [], records },
    probe: { outcome: "served", certificates, tlsVersion: "TLSv1.3" },
    profile: "generic",
    referenceNames: [HOST],
    eeNames: false,
    trustStore: [issuer.der],
    mailExchangerSecure: true,
    at: instant(Date.UTC(2026, 0, 1)),
  });
}

function flipped(octets: Uint8Array, at: number, bit: number): Uint8Array {
  return octets.map((octet, index) => (index === at ? octet ^ (1 << bit) : octet));
}

const anchored = [of(issuer, "2 0 1")];

describe("octets that were changed", () => {
  test("unchanged, the chain is verified", () => {
    for (const parameters of ["0 1 1", "2 0 1", "2 0 0", "2 1 0"]) {
      expect(look([leaf.der, issuer.der], [of(issuer, parameters)]).verdict).toBe("verified");
    }
  });

  test("any bit of the leaf: never verified by its issuer", () => {
    fc.assert(
      fc.property(fc.nat(leaf.der.length - 1), fc.nat(7), (at, bit) => {
        expect(look([flipped(leaf.der, at, bit), issuer.der], anchored).verdict).not.toBe("verified");
      }),
      { numRuns: 250 },
    );
  });

  test("any bit of the issuer: never verified by the digest of what it was", () => {
    fc.assert(
      fc.property(fc.nat(issuer.der.length - 1), fc.nat(7), (at, bit) => {
        expect(look([leaf.der, flipped(issuer.der, at, bit)], anchored).verdict).not.toBe("verified");
      }),
      { numRuns: 200 },
    );
  });

  test("any bit of what is published in full: another record, never a crash", () => {
    fc.assert(
      fc.property(fc.nat(issuer.der.length - 1), fc.nat(7), (at, bit) => {
        const record = { ...of(issuer, "2 0 0"), data: flipped(issuer.der, at, bit) };
        expect(look([leaf.der, issuer.der], [record]).records).toHaveLength(1);
      }),
      { numRuns: 200 },
    );
  });

  test("cut off anywhere: a fault, never a crash", () => {
    for (let length = 0; length < leaf.der.length; length++) {
      const cut = leaf.der.subarray(0, length);
      expect(readCertificate(cut).ok).toBe(false);
      expect(look([leaf.der, cut, issuer.der.subarray(0, length)], anchored).verdict).not.toBe("verified");
    }
  });

  test("anything at all", () => {
    const octets = fc.uint8Array({ maxLength: 200 });
    const record = fc.record({ usage: fc.nat(4), selector: fc.nat(2), matchingType: fc.nat(3), data: octets });
    fc.assert(
      fc.property(fc.array(octets, { maxLength: 4 }), fc.array(record, { maxLength: 6 }), (chain, records) => {
        const judgement = look(chain, records);
        expect(judgement.verdict).not.toBe("verified");
        expect(judgement.records).toHaveLength(records.length);
      }),
      { numRuns: 300 },
    );
  });
});
