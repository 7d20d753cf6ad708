import { afterEach, describe, expect, test } from "vitest";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { encodeCname } from "../../src/dns/rdata.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import type { DnsAnswer } from "../../src/resolver/resolver.ts";
import { createTrustedStub, isLoopback } from "../../src/resolver/trusted-stub.ts";
import { name, record, reply, soaRecord, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, Script } from "../fakes/scripted-dns.ts";

const OWNER = "_25._tcp.mx.example.org";
const TEXT = `3 1 1 ${"ab".repeat(32)}`;

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function resolveWith(script: Script, timeoutMs = 2_000): Promise<{ answer: DnsAnswer; server: FakeDnsServer }> {
  const server = await startDnsServer(script);
  running.push(server);
  const answer = await createTrustedStub({ server, timeoutMs })(name(OWNER), TYPE.TLSA);
  return { answer, server };
}

function cname(alias: string, target: string, ttl: number): ResourceRecord {
  return record(alias, TYPE.CNAME, ttl, encodeCname(name(target)));
}

describe("the AD bit", () => {
  test.each([
    [true, "secure"],
    [false, "insecure"],
  ] as const)("set to %s makes an answer %s", async (ad, status) => {
    const { answer, server } = await resolveWith((request) =>
      reply(request, { ra: true, ad, answer: [tlsaRecord(OWNER, 300, TEXT)] }),
    );
    expect(answer).toMatchObject({
      status,
      finalName: name(OWNER),
      aliases: [],
      rrset: { ttl: 300 },
      negativeTtl: null,
    });
    expect(server.requests[0]?.message).toMatchObject({ rd: true, ad: true, cd: false, edns: { do: true } });
  });

  test("is refused from a resolver elsewhere, unless allowed", () => {
    const server = { address: "192.0.2.1", port: 53 };
    expect(() => createTrustedStub({ server, timeoutMs: 1 })).toThrow(
      expect.objectContaining({ code: "RESOLVER_NOT_LOOPBACK", retry: "never" }),
    );
    expect(createTrustedStub({ server, timeoutMs: 1, allowRemote: true })).toBeTypeOf("function");
  });

  test("is neither asked for nor believed when the resolver only leads the way, and a bogus answer is seen", async () => {
    const server = await startDnsServer((request) =>
      request.message.cd
        ? reply(request, { ra: true, ad: true, answer: [tlsaRecord(OWNER, 300, TEXT)] })
        : reply(request, { ra: true, rcode: RCODE.SERVFAIL }),
    );
    running.push(server);
    const stub = createTrustedStub({ server, timeoutMs: 2_000, checkingDisabled: true });
    expect(await stub(name(OWNER), TYPE.TLSA)).toMatchObject({ status: "insecure", rrset: { ttl: 300 } });
    expect(server.requests[0]?.message).toMatchObject({ ad: false, cd: true });
    const elsewhere = { address: "192.0.2.1", port: 53 };
    expect(createTrustedStub({ server: elsewhere, timeoutMs: 1, checkingDisabled: true })).toBeTypeOf("function");
  });

  test.each([
    ["127.0.0.1", true],
    ["127.9.9.9", true],
    ["::1", true],
    ["0:0:0:0:0:0:0:1", true],
    ["::ffff:127.0.0.1", true],
    ["192.0.2.1", false],
    ["10.127.0.1", false],
    ["::2", false],
    ["::", false],
    ["2001:db8::1", false],
    ["fe80::1", false],
    ["::ffff:192.0.2.1", false],
    ["localhost", false],
  ])("is believed from %s: %s", (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});

describe("names that do not exist", () => {
  test.each([
    ["NXDOMAIN", RCODE.NXDOMAIN, 3600, 60, 60],
    ["NODATA", RCODE.NOERROR, 30, 600, 30],
  ])("%s keeps for the smaller of SOA TTL and minimum", async (_, rcode, ttl, minimum, expected) => {
    const authority = [soaRecord("example.org", ttl, 1, minimum)];
    const { answer } = await resolveWith((request) => reply(request, { ra: true, ad: true, rcode, authority }));
    expect(answer).toMatchObject({ status: "secure", rcode, rrset: null, negativeTtl: expected });
  });

  test("have no known negative TTL without an SOA", async () => {
    const { answer } = await resolveWith((request) => reply(request, { ra: true, rcode: RCODE.NXDOMAIN }));
    expect(answer).toMatchObject({ status: "insecure", rrset: null, negativeTtl: null });
  });
});

describe("aliases", () => {
  test("are followed inside the answer, in order, with their TTLs", async () => {
    const answers = [
      cname("b.example.net", "_dane.example.com", 20),
      cname(OWNER, "b.example.net", 10),
      tlsaRecord("_dane.example.com", 300, TEXT),
      tlsaRecord("unrelated.example", 300, TEXT),
    ];
    const { answer } = await resolveWith((request) => reply(request, { ra: true, ad: true, answer: answers }));
    expect(answer).toMatchObject({
      status: "secure",
      finalName: name("_dane.example.com"),
      aliases: [
        { alias: name(OWNER), target: name("b.example.net"), ttl: 10 },
        { alias: name("b.example.net"), target: name("_dane.example.com"), ttl: 20 },
      ],
      rrset: { name: name("_dane.example.com"), ttl: 300 },
    });
  });

  test.each([
    [true, true, "secure"],
    [true, false, "insecure"],
    [false, true, "insecure"],
  ] as const)("that stop short are asked on; links with AD %s and %s make the whole %s", async (one, two, status) => {
    const { answer, server } = await resolveWith((request) =>
      request.index === 0
        ? reply(request, { ra: true, ad: one, answer: [cname(OWNER, "b.example.net", 10)] })
        : reply(request, { ra: true, ad: two, answer: [tlsaRecord("b.example.net", 300, TEXT)] }),
    );
    expect(server.requests.map((request) => request.message.question[0]?.name)).toEqual([
      name(OWNER),
      name("b.example.net"),
    ]);
    expect(answer).toMatchObject({ status, finalName: name("b.example.net"), rrset: { ttl: 300 } });
  });

  test.each([
    ["with an SOA: the target has no such record", RCODE.NOERROR, [soaRecord("example.net", 60, 1, 60)]],
    ["with NXDOMAIN: the target does not exist", RCODE.NXDOMAIN, []],
  ])("that end without a record, %s, are final", async (_, rcode, authority) => {
    const { answer, server } = await resolveWith((request) =>
      reply(request, { ra: true, ad: true, rcode, authority, answer: [cname(OWNER, "b.example.net", 10)] }),
    );
    expect(server.requests).toHaveLength(1);
    expect(answer).toMatchObject({ status: "secure", finalName: name("b.example.net"), rrset: null });
  });

  test("that never end are indeterminate, within one answer or over many", async () => {
    const inside = [cname(OWNER, "b.example.net", 10), cname("b.example.net", OWNER, 10)];
    const { answer: one } = await resolveWith((request) => reply(request, { ra: true, ad: true, answer: inside }));
    expect(one).toMatchObject({ status: "indeterminate", reasons: [{ code: "DNS_ALIAS_LOOP" }] });
    const { answer: many, server } = await resolveWith((request) => {
      const asked = request.message.question[0]?.name ?? "";
      return reply(request, { ra: true, ad: true, answer: [cname(asked, `x.${asked}`, 10)] });
    });
    expect(many).toMatchObject({ status: "indeterminate", reasons: [{ code: "DNS_ALIAS_LOOP" }] });
    expect(server.requests.length).toBeLessThanOrEqual(12);
  });

  test("are the answer when they are what was asked for", async () => {
    const server = await startDnsServer((request) =>
      reply(request, { ra: true, ad: true, answer: [cname(OWNER, "b.example.net", 10)] }),
    );
    running.push(server);
    const answer = await createTrustedStub({ server, timeoutMs: 2_000 })(name(OWNER), TYPE.CNAME);
    expect(answer).toMatchObject({ aliases: [], finalName: name(OWNER), rrset: { type: TYPE.CNAME } });
  });
});

describe("a resolver that cannot say", () => {
  test("SERVFAIL is indeterminate, with the resolver's own words", async () => {
    const options = [{ code: 15, data: Uint8Array.of(0, 7) }];
    const { answer } = await resolveWith((request) =>
      reply(request, { ra: true, rcode: RCODE.SERVFAIL, edns: { udpSize: 1232, do: true, options } }),
    );
    expect(answer).toMatchObject({ status: "indeterminate", reasons: [{ code: "DNS_RCODE" }] });
    expect("reasons" in answer && answer.reasons[0]?.message).toContain("EDE 7 (signature expired)");
    expect(answer).not.toHaveProperty("rrset");
  });

  test.each<readonly [string, Script, string]>([
    ["silence", () => [], "DNS_TIMEOUT"],
    ["a referral without RA", (request) => reply(request, { ra: false }), "RESOLVER_NOT_RECURSIVE"],
    ["REFUSED", (request) => reply(request, { ra: true, rcode: RCODE.REFUSED }), "DNS_RCODE"],
  ])("%s is indeterminate, never an answer", async (_, script, code) => {
    const { answer } = await resolveWith(script, 200);
    expect(answer).toMatchObject({ status: "indeterminate", reasons: [{ code }] });
  });

  test("is left when the caller gives up", async () => {
    const server = await startDnsServer(() => []);
    running.push(server);
    const stub = createTrustedStub({ server, timeoutMs: 2_000, signal: AbortSignal.abort() });
    await expect(stub(name(OWNER), TYPE.TLSA)).rejects.toMatchObject({ code: "DNS_INTERRUPTED" });
  });
});
