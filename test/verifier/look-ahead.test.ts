import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { TYPE } from "../../src/dns/iana.ts";
import type { DnsAnswer } from "../../src/resolver/resolver.ts";
import { lookAhead } from "../../src/verifier/look-ahead.ts";
import type { AddressReport, Expiry, HostReport } from "../../src/verifier/verdict.ts";
import { dn } from "../fakes/resolver.ts";

const now = instant(Date.UTC(2026, 5, 1));
const day = (count: number): Instant => instant(now + count * 86_400_000);

function address(path: readonly (readonly [string, number])[], leafEnds: number, ip = "192.0.2.1"): AddressReport {
  return {
    address: ip,
    algorithm: null,
    verdict: "verified",
    reason: "",
    code: null,
    hint: null,
    records: [],
    certificate: {
      subject: "CN=leaf",
      notBefore: day(-10),
      notAfter: day(leafEnds),
      spkiSha256: "",
      sha256: "",
      algorithm: "EC P-256",
      dnsNames: [],
    },
    chainLength: 1,
    tlsVersion: "TLSv1.3",
    path: path.map(([subject, ends]) => ({ subject, notAfter: day(ends) })),
    warnings: [],
    advice: [],
  };
}

/** An answer with one signature for each pair of inception and expiration, in days from now. */
function signed(type: number, ...times: readonly (readonly [number, number])[]): DnsAnswer {
  const name = dn("mx.example.org");
  const chain = times.map(([inception, expiration]) => {
    return {
      kind: "answer" as const,
      zone: dn("example.org"),
      name,
      type,
      status: "secure" as const,
      keys: [],
      signature: {
        signer: dn("example.org"),
        keyTag: 1,
        algorithm: 13,
        inception: day(inception),
        expiration: day(expiration),
      },
      message: "",
    };
  });
  const validation = { status: "secure" as const, reasons: [], chain, signaturesExpire: null };
  return {
    status: "secure",
    name,
    type,
    rcode: 0,
    aliases: [],
    finalName: name,
    rrset: null,
    negativeTtl: null,
    validation,
  };
}

function ahead(addresses: readonly AddressReport[], a: DnsAnswer | null, days: number): readonly Expiry[] {
  const host: HostReport = {
    target: "mx.example.org:25",
    endpoint: null,
    profile: "smtp",
    baseDomain: dn("mx.example.org"),
    verdict: "verified",
    reason: null,
    hint: null,
    dns: { mx: null, a, aaaa: a, tlsa: null },
    addresses,
  };
  return lookAhead(host, now, days);
}

describe("what ends soon", () => {
  test("a certificate that ends within the days asked for, and not one that ends later", () => {
    expect(ahead([address([], 10)], null, 14)).toEqual([
      { what: "certificate", name: "CN=leaf", address: "192.0.2.1", at: day(10) },
    ]);
    expect(ahead([address([], 10)], null, 9)).toEqual([]);
  });

  test("one that has ended is named too: 3 1 1 verifies all the same", () => {
    expect(ahead([address([], -3)], null, 1)).toMatchObject([{ at: day(-3) }]);
  });

  test("every certificate that the verdict rests on, soonest first; others of the chain do not count", () => {
    const path = [
      ["CN=leaf", 40],
      ["CN=intermediate", 5],
      ["CN=anchor", 300],
    ] as const;
    expect(ahead([address(path, 40)], null, 60).map(({ name }) => name)).toEqual(["CN=intermediate", "CN=leaf"]);
  });

  test("each address for itself, each signature once", () => {
    const found = ahead([address([], 2), address([], 3, "2001:db8::1")], signed(TYPE.A, [-20, 1]), 7);
    expect(found.map(({ what, address: where }) => [what, where])).toEqual([
      ["signatures", null],
      ["certificate", "192.0.2.1"],
      ["certificate", "2001:db8::1"],
    ]);
    expect(found[0]?.name).toBe("A mx.example.org");
  });

  test("a signature whose signer is not late yet does not count, however soon it ends", () => {
    expect(ahead([], signed(TYPE.A, [-1, 1]), 30)).toEqual([]);
    expect(ahead([], signed(TYPE.A, [-9, 5]), 30)).toEqual([]);
    expect(ahead([], signed(TYPE.A, [-26, 4]), 30)).toHaveLength(1);
    expect(ahead([], signed(TYPE.A, [-26, 4]), 3)).toEqual([]);
  });
});
