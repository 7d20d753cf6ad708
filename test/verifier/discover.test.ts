/** DNS states and what a client must make of them: RFC 7672 §2.2, RFC 7671 §7. */
import { describe, expect, test } from "vitest";
import { TYPE } from "../../src/dns/iana.ts";
import { discoverHost } from "../../src/verifier/discover.ts";
import type { HostEvidence } from "../../src/verifier/evidence.ts";
import type { FakeAnswer } from "../fakes/resolver.ts";
import { a, aaaa, cname, dn, failed, fakeResolver, none, tlsa } from "../fakes/resolver.ts";

const record = { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32) };
const HOST = "mx.example.org";
const OWNER = `_25._tcp.${HOST}`;

async function discover(
  entries: Readonly<Record<string, FakeAnswer>>,
  only: readonly string[] = [],
): Promise<{ readonly host: HostEvidence; readonly asked: readonly string[] }> {
  const { resolve, asked } = fakeResolver(entries);
  const host = await discoverHost({ host: dn(HOST), port: 25, protocol: "smtp" }, resolve, only);
  return { host, asked: asked.filter((question) => !/ (A|AAAA)$/.test(question)) };
}

const cases: readonly {
  readonly name: string;
  readonly dns: Readonly<Record<string, FakeAnswer>>;
  readonly only?: readonly string[];
  readonly wantAddresses: readonly string[];
  readonly wantTlsa: object | null;
  readonly wantAsked: readonly string[];
}[] = [
  {
    name: "secure addresses and records",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1", "192.0.2.2"),
      [`${HOST} AAAA`]: aaaa("secure", "2001:db8::1"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
    wantTlsa: { kind: "records", baseDomain: `${HOST}.`, owner: `${OWNER}.`, records: [record] },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "insecure addresses: TLSA is not asked, as the name server may choke on it",
    dns: { [`${HOST} A`]: a("insecure", "192.0.2.1"), [`${HOST} AAAA`]: none("insecure") },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "insecure-address", owner: null },
    wantAsked: [],
  },
  {
    name: "AAAA fails, A does not: the A address is fine",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: failed(),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records" },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "both families fail: nothing to look at",
    dns: { [`${HOST} A`]: failed("bogus"), [`${HOST} AAAA`]: failed() },
    wantAddresses: [],
    wantTlsa: null,
    wantAsked: [],
  },
  {
    name: "SERVFAIL for TLSA is an error, never an absence",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} TLSA`]: failed(),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "error", status: "indeterminate", baseDomain: `${HOST}.` },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "an insecure denial of TLSA is an absence",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} TLSA`]: none("insecure"),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "absent", status: "insecure" },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "records in an unsigned zone are not DANE",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} TLSA`]: tlsa("insecure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "insecure" },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "a TLSA alias does not change the base domain",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} CNAME`]: cname("secure", "tlsa.example.net"),
      ["tlsa.example.net TLSA"]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records", baseDomain: `${HOST}.`, aliases: [{ target: "tlsa.example.net." }] },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "a TLSA alias into an unsigned zone is worth nothing",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} CNAME`]: cname("secure", "tlsa.example.net"),
      ["tlsa.example.net TLSA"]: tlsa("insecure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "insecure" },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "a secure alias: the expanded name is tried first",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      ["_25._tcp.host.example.net TLSA"]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records", baseDomain: "host.example.net." },
    wantAsked: ["_25._tcp.host.example.net. TLSA"],
  },
  {
    name: "a secure chain of aliases: then the original name, never one in between",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "middle.example.net"),
      ["middle.example.net CNAME"]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      ["_25._tcp.host.example.net TLSA"]: none("secure"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records", baseDomain: `${HOST}.` },
    wantAsked: ["_25._tcp.host.example.net. TLSA", `${OWNER}. TLSA`],
  },
  {
    name: "an error at the expanded name ends the search",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      ["_25._tcp.host.example.net TLSA"]: failed("bogus"),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "error", status: "bogus", baseDomain: "host.example.net." },
    wantAsked: ["_25._tcp.host.example.net. TLSA"],
  },
  {
    name: "a secure alias into an unsigned zone: only the original name",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("insecure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("insecure"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records", baseDomain: `${HOST}.` },
    wantAsked: [`${HOST}. CNAME`, `${OWNER}. TLSA`],
  },
  {
    name: "an insecure alias: not asked",
    dns: {
      [`${HOST} CNAME`]: cname("insecure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "insecure-address" },
    wantAsked: [`${HOST}. CNAME`],
  },
  {
    name: "an insecure alias that a secure one follows is insecure: not asked",
    dns: {
      [`${HOST} CNAME`]: cname("insecure", "middle.example.net"),
      ["middle.example.net CNAME"]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "insecure-address", owner: null },
    wantAsked: [`${HOST}. CNAME`],
  },
  {
    name: "a secure alias that an insecure one follows: only the original name, never the one in between",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "middle.example.net"),
      ["middle.example.net CNAME"]: cname("insecure", "host.example.com"),
      ["host.example.com A"]: a("insecure", "192.0.2.1"),
      ["host.example.com AAAA"]: none("insecure"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records", baseDomain: `${HOST}.` },
    wantAsked: [`${HOST}. CNAME`, `${OWNER}. TLSA`],
  },
  {
    name: "an insecure alias to a signed host: the signed end of an unsigned way is worth nothing",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "middle.example.com"),
      ["middle.example.com CNAME"]: cname("insecure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      [`${OWNER} TLSA`]: none("secure"),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "absent", owner: `${OWNER}.`, status: "secure" },
    wantAsked: [`${HOST}. CNAME`, `${OWNER}. TLSA`],
  },
  {
    name: "a bogus alias is no address at all",
    dns: {
      [`${HOST} CNAME`]: cname("bogus", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
    },
    wantAddresses: [],
    wantTlsa: null,
    wantAsked: [],
  },
  {
    name: "records at the expanded name that are not signed: the original name is tried",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      ["_25._tcp.host.example.net TLSA"]: tlsa("insecure", record),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records", baseDomain: `${HOST}.` },
    wantAsked: ["_25._tcp.host.example.net. TLSA", `${OWNER}. TLSA`],
  },
  {
    name: "an insecure denial at the expanded name: the original name is tried",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      ["_25._tcp.host.example.net TLSA"]: none("insecure"),
      [`${OWNER} TLSA`]: none("secure"),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "absent", baseDomain: `${HOST}.`, owner: `${OWNER}.`, status: "secure" },
    wantAsked: ["_25._tcp.host.example.net. TLSA", `${OWNER}. TLSA`],
  },
  {
    name: "an error at the original name, after none at the expanded one, is an error",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      ["_25._tcp.host.example.net TLSA"]: none("secure"),
      [`${OWNER} TLSA`]: failed(),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "error", status: "indeterminate", baseDomain: `${HOST}.` },
    wantAsked: ["_25._tcp.host.example.net. TLSA", `${OWNER}. TLSA`],
  },
  {
    name: "a TLSA alias through a secure and an insecure link is insecure",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} CNAME`]: cname("secure", "middle.example.net"),
      ["middle.example.net CNAME"]: cname("insecure", "tlsa.example.com"),
      ["tlsa.example.com TLSA"]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "none", why: "insecure", baseDomain: `${HOST}.` },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "a TLSA alias with a bogus end is an error",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} CNAME`]: cname("secure", "tlsa.example.net"),
      ["tlsa.example.net TLSA"]: failed("bogus"),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "error", status: "bogus", owner: `${OWNER}.` },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "a TLSA alias at a host that is an alias: the base domain is the expanded name",
    dns: {
      [`${HOST} CNAME`]: cname("secure", "host.example.net"),
      ["host.example.net A"]: a("secure", "192.0.2.1"),
      ["host.example.net AAAA"]: none("secure"),
      ["_25._tcp.host.example.net CNAME"]: cname("secure", "tlsa.example.net"),
      ["tlsa.example.net TLSA"]: tlsa("secure", record),
    },
    wantAddresses: ["192.0.2.1"],
    wantTlsa: { kind: "records", baseDomain: "host.example.net.", owner: "_25._tcp.host.example.net." },
    wantAsked: ["_25._tcp.host.example.net. TLSA"],
  },
  {
    name: "one family bogus and the other without addresses: bogus is not none, and nothing is reached",
    dns: { [`${HOST} A`]: failed("bogus"), [`${HOST} AAAA`]: none("secure") },
    wantAddresses: [],
    wantTlsa: null,
    wantAsked: [],
  },
  {
    name: "A is bogus, AAAA is fine: IPv6 alone is looked at",
    dns: {
      [`${HOST} A`]: failed("bogus"),
      [`${HOST} AAAA`]: aaaa("secure", "2001:db8::1"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    wantAddresses: ["2001:db8::1"],
    wantTlsa: { kind: "records" },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "--address replaces the addresses, not the security",
    dns: {
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("insecure"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    only: ["127.0.0.1", "::1"],
    wantAddresses: ["127.0.0.1", "::1"],
    wantTlsa: { kind: "records" },
    wantAsked: [`${OWNER}. TLSA`],
  },
  {
    name: "--address looks at a host that has no address yet",
    dns: {
      [`${HOST} A`]: none("secure"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    },
    only: ["127.0.0.1"],
    wantAddresses: ["127.0.0.1"],
    wantTlsa: { kind: "records" },
    wantAsked: [`${OWNER}. TLSA`],
  },
];

describe("discovery", () => {
  test.each(cases)("$name", async ({ dns, only, wantAddresses, wantTlsa, wantAsked }) => {
    const { host, asked } = await discover(dns, only);
    expect(host.addresses.map(({ address }) => address)).toEqual(wantAddresses);
    for (const { tlsa: found } of host.addresses) expect(found).toMatchObject(wantTlsa ?? {});
    expect(host.tlsa.length > 0).toBe(wantTlsa !== null);
    expect(asked).toEqual(wantAsked);
  });

  test("a failed question for the first link of an alias is an error, not an absence", async () => {
    const { resolve } = fakeResolver({
      [`${HOST} CNAME`]: cname("secure", "host.example.com"),
      ["host.example.com A"]: a("insecure", "192.0.2.1"),
      ["host.example.com AAAA"]: none("insecure"),
    });
    const broken = fakeResolver({ [`${HOST} CNAME`]: failed("bogus") });
    const host = await discoverHost(
      { host: dn(HOST), port: 25, protocol: "smtp" },
      (name, type) => (type === TYPE.CNAME ? broken.resolve(name, type) : resolve(name, type)),
      [],
    );
    expect(host.addresses).toMatchObject([{ tlsa: { kind: "error", status: "bogus", baseDomain: `${HOST}.` } }]);
  });

  test("families that differ in security are judged each by its own", async () => {
    const { host } = await discover({
      [`${HOST} A`]: a("insecure", "192.0.2.1"),
      [`${HOST} AAAA`]: aaaa("secure", "2001:db8::1"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    });
    expect(host.addresses.map(({ address, tlsa: { kind } }) => [address, kind])).toEqual([
      ["192.0.2.1", "none"],
      ["2001:db8::1", "records"],
    ]);
  });

  test("two families of the same security share one question", async () => {
    const { asked } = await discover({
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: aaaa("secure", "2001:db8::1"),
      [`${OWNER} TLSA`]: tlsa("secure", record),
    });
    expect(asked).toEqual([`${OWNER}. TLSA`]);
  });

  test("TLSA RDATA without fields is carried along as unusable", async () => {
    const { host } = await discover({
      [`${HOST} A`]: a("secure", "192.0.2.1"),
      [`${HOST} AAAA`]: none("secure"),
      [`${OWNER} TLSA`]: { status: "secure", rdatas: [Uint8Array.of(3, 1)] },
    });
    expect(host.tlsa[0]).toMatchObject({ kind: "records", records: [{ usage: 255, data: Uint8Array.of(3, 1) }] });
  });
});
