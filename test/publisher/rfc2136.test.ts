import { afterEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { instant, seconds } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { CLASS, RCODE, TYPE } from "../../src/dns/iana.ts";
import { encodeCname, encodeNs, encodeTlsa, formatTlsa, parseTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { signReply, verifyRequest } from "../../src/dns/tsig.ts";
import type { TlsaChange } from "../../src/publisher/publisher.ts";
import { findZoneAtServer } from "../../src/publisher/read-back.ts";
import { locateServer } from "../../src/publisher/locate-server.ts";
import { createRfc2136Publisher } from "../../src/publisher/rfc2136.ts";
import type { Rfc2136Options } from "../../src/publisher/rfc2136.ts";
import type { Resolve } from "../../src/resolver/resolver.ts";
import { name, record, reply, replyTo, soaRecord, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, FakeRequest } from "../fakes/scripted-dns.ts";
import { KEY, startPrimary } from "../fakes/scripted-primary.ts";
import type { FakePrimary, PrimaryOptions } from "../fakes/scripted-primary.ts";

const OWNER = "_25._tcp.mx.example.org";
const NOW = instant(1_790_000_000_000);
const clock = (): Instant => NOW;

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function primary(options: Partial<PrimaryOptions> = {}): Promise<FakePrimary> {
  const server = await startPrimary({ clock, ...options });
  running.push(server);
  return server;
}

function rdata(letter: string): TlsaRdata {
  const parsed = parseTlsa(`3 1 1 ${letter.repeat(64)}`);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}
const [A, B, C] = [rdata("a"), rdata("b"), rdata("c")];
const stored = (one: TlsaRdata, ttl = 300): ReturnType<typeof tlsaRecord> => tlsaRecord(OWNER, ttl, formatTlsa(one));

function change(more: Partial<TlsaChange>): TlsaChange {
  const base = { owner: name(OWNER), zone: name("example.org"), ttl: seconds(300) };
  return { ...base, add: [], remove: [], expected: null, ...more };
}

function publisherFor(
  server: FakeDnsServer,
  more: Partial<Rfc2136Options> = {},
): ReturnType<typeof createRfc2136Publisher> {
  const where = { host: server.address, port: server.port };
  return createRfc2136Publisher({ servers: [where], key: KEY, clock, timeoutMs: 500, readBackMs: 100, ...more });
}

const texts = (server: FakePrimary): readonly string[] =>
  server.records().map((one) => `${String(one.ttl)} ${String.fromCharCode(96 + ((one.rdata[3] ?? 0) >> 4) - 9)}`);

describe("adding", () => {
  test("carries no condition and is read back with TTL and signature", async () => {
    const server = await primary({ records: [stored(B)] });
    const done = await publisherFor(server).apply(change({ add: [A] }));
    expect(done).toMatchObject({ ttl: 300, signed: true, notes: [] });
    expect(done.records).toEqual(expect.arrayContaining([A, B]));
    const [update] = server.updates();
    expect(update?.answer).toEqual([]);
    expect(update?.question).toEqual([{ name: name("example.org"), type: TYPE.SOA, class: CLASS.IN }]);
    expect(update?.authority).toMatchObject([{ name: name(OWNER), class: CLASS.IN, ttl: 300, rdata: encodeTlsa(A) }]);
    expect(server.requests.every((request) => request.transport === "tcp")).toBe(true);
  });

  test("what is there already, under the same TTL, sends nothing", async () => {
    const server = await primary({ records: [stored(A)] });
    expect((await publisherFor(server).apply(change({ add: [A] }))).records).toEqual([A]);
    expect(server.updates()).toHaveLength(0);
  });

  test("under another TTL takes the record away and puts it back in one message", async () => {
    const server = await primary({ records: [stored(A)] });
    const done = await publisherFor(server).apply(change({ add: [A], ttl: seconds(900) }));
    expect(done).toMatchObject({ ttl: 900, notes: [] });
    expect(server.updates()).toHaveLength(1);
    expect(server.updates()[0]?.authority.map((one) => one.class)).toEqual([CLASS.NONE, CLASS.IN]);
  });

  test("notes a TTL that the server clamps, and calls it no failure", async () => {
    const server = await primary({ maxTtl: 100 });
    const done = await publisherFor(server).apply(change({ add: [A] }));
    expect(done).toMatchObject({ ttl: 100, notes: [{ code: "PUBLISH_TTL_CHANGED" }] });
  });

  test("reports a zone without signatures", async () => {
    const server = await primary({ signed: false });
    expect(await publisherFor(server).apply(change({ add: [A] }))).toMatchObject({ signed: false });
  });

  test("works over UDP on request, still reading back over TCP", async () => {
    const server = await primary();
    await publisherFor(server, { transport: "udp" }).apply(change({ add: [A] }));
    expect(server.requests.map((request) => request.transport)).toEqual(["tcp", "udp", "tcp"]);
  });

  test("signs anew, with a new ID, for each message", async () => {
    const server = await primary();
    const publisher = publisherFor(server);
    await publisher.apply(change({ add: [A] }));
    await publisher.apply(change({ add: [B] }));
    const macs = server.updates().map((update) => update.additional.map((one) => one.rdata.toString()).join());
    const ids = server.updates().map((update) => update.id);
    expect(new Set(macs).size).toBe(2);
    expect(new Set(ids).size).toBe(2);
  });

  test.each<readonly [string, Partial<TlsaChange>]>([
    ["an owner outside the zone", { zone: name("example.net"), add: [A] }],
    ["a digest of the wrong length", { add: [{ ...A, data: Uint8Array.of(0xab, 0xcd) }] }],
    ["no association data", { add: [{ ...A, data: new Uint8Array(0) }] }],
    ["a TTL beyond 2^31-1", { add: [A], ttl: seconds(2 ** 31) }],
    ["a negative TTL", { add: [A], ttl: seconds(-1) }],
    ["the same record to add and to remove", { add: [A], remove: [A], expected: [A] }],
    [
      "the digest of empty input",
      {
        add: [
          {
            ...A,
            data: Uint8Array.from(
              Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex"),
            ),
          },
        ],
      },
    ],
  ])("refuses %s before anything is sent", async (_, more) => {
    const server = await primary();
    await expect(publisherFor(server).apply(change(more))).rejects.toMatchObject({
      code: "PUBLISH_INVALID",
      retry: "never",
    });
    expect(server.requests).toHaveLength(0);
  });
});

describe("removing", () => {
  test("demands the exact RRset, deletes single records, and leaves the others", async () => {
    const server = await primary({
      records: [stored(A), stored(B), tlsaRecord("other.example.org", 60, formatTlsa(A))],
    });
    const done = await publisherFor(server).apply(change({ remove: [A], expected: [A, B] }));
    expect(done.records).toEqual([B]);
    const [update] = server.updates();
    expect(update?.answer).toMatchObject([
      { class: CLASS.IN, ttl: 0 },
      { class: CLASS.IN, ttl: 0 },
    ]);
    expect(update?.authority).toMatchObject([
      { class: CLASS.NONE, ttl: 0, rdata: encodeTlsa(A) },
      { class: CLASS.NONE, ttl: 0, rdata: encodeTlsa(B) },
      { class: CLASS.IN, ttl: 300, rdata: encodeTlsa(B) },
    ]);
    expect(server.records()).toHaveLength(2);
  });

  test("together with an addition is one message", async () => {
    const server = await primary({ records: [stored(A)] });
    await publisherFor(server).apply(change({ add: [C], remove: [A], expected: [A] }));
    expect(server.updates()).toHaveLength(1);
    expect(texts(server)).toEqual(["300 c"]);
  });

  test("is a conflict when somebody else changed the RRset, and nothing is lost", async () => {
    const server = await primary({ records: [stored(A), stored(B)] });
    const attempt = publisherFor(server).apply(change({ remove: [A], expected: [A] }));
    await expect(attempt).rejects.toMatchObject({ code: "PUBLISH_CONFLICT", retry: "later" });
    expect(server.records()).toHaveLength(2);
  });

  test("what is gone already is a success, without a message", async () => {
    const server = await primary({ records: [stored(B)] });
    expect((await publisherFor(server).apply(change({ remove: [A], expected: [A, B] }))).records).toEqual([B]);
    expect(server.updates()).toHaveLength(0);
  });

  test("the last record leaves a signed denial", async () => {
    const server = await primary({ records: [stored(A)] });
    const done = await publisherFor(server).apply(change({ remove: [A], expected: [A] }));
    expect(done).toMatchObject({ records: [], ttl: null, signed: true });
  });
});

describe("accepted is not published", () => {
  test("NOERROR without the record is a failure that names it", async () => {
    const server = await primary({ ignoreUpdates: true });
    const attempt = publisherFor(server).apply(change({ add: [A] }));
    await expect(attempt).rejects.toMatchObject({
      code: "PUBLISH_NOT_APPLIED",
      message: expect.stringContaining(`without ${formatTlsa(A)}`) as string,
      hint: expect.stringContaining("PowerDNS") as string,
    });
  });

  test("an alias at the owner is seen before anything is sent, and its target is named", async () => {
    const alias = record(OWNER, TYPE.CNAME, 60, encodeCname(name("_dane.example.net")));
    const server = await primary({ records: [alias] });
    await expect(publisherFor(server).apply(change({ add: [A] }))).rejects.toMatchObject({
      code: "PUBLISH_CNAME_AT_OWNER",
      hint: expect.stringContaining("_dane.example.net") as string,
    });
    expect(server.updates()).toHaveLength(0);
  });

  test("a delegation above the owner is seen before anything is sent", async () => {
    const server = await primary({
      onQuery: (request) =>
        reply(request, {
          aa: false,
          authority: [record("mx.example.org", TYPE.NS, 60, encodeNs(name("ns.example.net")))],
        }),
    });
    await expect(publisherFor(server).apply(change({ add: [A] }))).rejects.toMatchObject({ code: "PUBLISH_OCCLUDED" });
    expect(server.updates()).toHaveLength(0);
  });

  test("the record and its signature are waited for, as signing takes a moment", async () => {
    let looks = 0;
    const server = await primary({
      onQuery: (request, usual) => {
        looks++;
        // The first look is before the update; then two looks find nothing yet, one finds it unsigned.
        if (looks === 2 || looks === 3) return reply(request, { authority: [soaRecord("example.org", 60, 1, 60)] });
        if (looks === 4) return reply(request, { answer: [stored(A)] });
        return usual();
      },
    });
    expect(await publisherFor(server, { readBackMs: 3_000 }).apply(change({ add: [A] }))).toMatchObject({
      signed: true,
    });
    expect(looks).toBe(5);
  });

  test("a server that takes updates but answers no questions leaves the change unconfirmed", async () => {
    const server = await primary({ onQuery: (request) => reply(request, { rcode: RCODE.REFUSED }) });
    await expect(publisherFor(server).apply(change({ add: [A] }))).rejects.toMatchObject({
      code: "PUBLISH_UNCONFIRMED",
    });
    expect(server.updates()).toHaveLength(1);
  });

  test("a server that answers signed questions only is asked so", async () => {
    const server = await primary({
      onQuery: (request, usual) => {
        const verdict = verifyRequest({ bytes: request.bytes, keys: [KEY], now: NOW });
        const [first] = usual();
        if (verdict.status !== "verified" || first?.do !== "reply") return reply(request, { rcode: RCODE.REFUSED });
        return [{ do: "reply", bytes: signReply(first.bytes, verdict, NOW) }];
      },
    });
    expect((await publisherFor(server).apply(change({ add: [A] }))).records).toEqual([A]);
  });
});

describe("replies that prove nothing", () => {
  const flip = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((octet, index) => (index === at ? octet ^ 1 : octet));
  /** An octet of the MAC: before it the original ID, error and other length end the message. */
  const macOctet = (bytes: Uint8Array): number => bytes.length - 7;

  test.each<readonly [string, NonNullable<PrimaryOptions["onUpdate"]>, string]>([
    [
      "a wrong MAC",
      (_, usual) =>
        usual().map((one) => (one.do === "reply" ? { ...one, bytes: flip(one.bytes, macOctet(one.bytes)) } : one)),
      "TSIG_REPLY_BAD",
    ],
    [
      "NOERROR without TSIG",
      (request) => [{ do: "reply", bytes: replyTo(request, { edns: null }) }],
      "TSIG_REPLY_UNSIGNED",
    ],
    [
      "REFUSED without TSIG",
      (request) => [{ do: "reply", bytes: replyTo(request, { edns: null, rcode: RCODE.REFUSED }) }],
      "UPDATE_REFUSED_UNSIGNED",
    ],
    [
      "NOTIMP with empty sections",
      (request) => [{ do: "reply", bytes: replyTo(request, { edns: null, question: [], rcode: RCODE.NOTIMP }) }],
      "UPDATE_NOTIMP",
    ],
  ])("%s is a failure, whatever it says", async (_, onUpdate, code) => {
    const server = await primary({ onUpdate });
    await expect(publisherFor(server).apply(change({ add: [A] }))).rejects.toMatchObject({ code });
  });
});

describe("a lost reply", () => {
  const cases: readonly (readonly [string, NonNullable<PrimaryOptions["onUpdate"]>])[] = [
    [
      "closed after the update was applied",
      (_, usual) => {
        usual();
        return [{ do: "close" }];
      },
    ],
    [
      "cut short",
      (_, usual) => {
        const [first] = usual();
        const bytes = first?.do === "reply" ? first.bytes : new Uint8Array(0);
        return [{ do: "raw", bytes: Uint8Array.of(0, bytes.length, ...bytes.slice(0, 20)) }, { do: "close" }];
      },
    ],
    [
      "silent",
      (_, usual) => {
        usual();
        return [];
      },
    ],
    [
      "with another ID",
      (_, usual) =>
        usual().map((one) =>
          one.do === "reply" ? { ...one, bytes: one.bytes.map((octet, at) => (at === 0 ? octet ^ 1 : octet)) } : one,
        ),
    ],
  ];

  test.each(cases)("%s: the change is read back and found, and not sent again", async (_, onUpdate) => {
    const server = await primary({ onUpdate });
    expect((await publisherFor(server).apply(change({ add: [A] }))).records).toEqual([A]);
    expect(server.updates()).toHaveLength(1);
  });

  test("and no change to be seen is an unknown outcome, to be tried again later", async () => {
    const server = await primary({ onUpdate: () => [{ do: "close" }] });
    await expect(publisherFor(server).apply(change({ add: [A] }))).rejects.toMatchObject({
      code: "PUBLISH_OUTCOME_UNKNOWN",
      retry: "later",
    });
    expect(server.updates()).toHaveLength(1);
  });
});

describe("keys and clocks", () => {
  test.each<readonly [string, Partial<Rfc2136Options>, string]>([
    ["an unknown key", { key: { ...KEY, name: name("nobody") } }, "TSIG_BADKEY"],
    ["another algorithm", { key: { ...KEY, algorithm: "hmac-sha512" } }, "TSIG_BADKEY"],
    ["another secret", { key: { ...KEY, secret: new Secret(new Uint8Array(32)) } }, "TSIG_BADSIG"],
    ["a clock an hour behind", { clock: () => instant(NOW - 3_600_000) }, "TSIG_BADTIME"],
  ])("%s is refused by name", async (_, more, code) => {
    const server = await primary();
    await expect(publisherFor(server, more).apply(change({ add: [A] }))).rejects.toMatchObject({
      code,
      retry: "never",
    });
    expect(server.records()).toHaveLength(0);
  });

  test("a wrong clock is told with both times", async () => {
    const server = await primary();
    const late = publisherFor(server, { clock: () => instant(NOW - 3_600_000) });
    await expect(late.apply(change({ add: [A] }))).rejects.toThrow(/1h behind the server's; here it is .*, there /);
  });

  test("no message ever holds the secret", async () => {
    const server = await primary();
    const key = { ...KEY, secret: new Secret(new TextEncoder().encode("another secret of 32 octets here")) };
    const error: unknown = await publisherFor(server, { key })
      .apply(change({ add: [A] }))
      .catch((reason: unknown) => reason);
    expect(JSON.stringify(error) + String(error)).not.toContain("another secret");
  });
});

describe("the update server", () => {
  const resolve: Resolve = async (asked, type) => {
    const addresses: Readonly<Record<string, Uint8Array>> = { "primary.example. 1": Uint8Array.of(127, 0, 0, 1) };
    const found = addresses[`${asked} ${String(type)}`];
    const rrset =
      found === undefined
        ? null
        : { name: asked, type, class: CLASS.IN, ttl: seconds(60), rdatas: [found], signatures: [] };
    return Promise.resolve({
      status: "insecure",
      name: asked,
      type,
      rcode: 0,
      aliases: [],
      finalName: asked,
      rrset,
      negativeTtl: null,
    });
  };

  test("may be a name, found through the resolver", async () => {
    const server = await primary();
    const where = { host: "primary.example", port: server.port };
    const publisher = createRfc2136Publisher({ servers: [where], key: KEY, clock, resolve, timeoutMs: 500 });
    expect((await publisher.apply(change({ add: [A] }))).records).toEqual([A]);
  });

  test("localhost needs no resolver, and the next address is tried when nothing listens at one", async () => {
    expect(await locateServer({ host: "localhost", port: 53 }, undefined)).toEqual([
      { address: "127.0.0.1", port: 53 },
      { address: "::1", port: 53 },
    ]);
    const server = await primary({ address: "::1" });
    const publisher = createRfc2136Publisher({ servers: [{ host: "localhost", port: server.port }], key: KEY, clock });
    expect((await publisher.apply(change({ add: [A] }))).records).toEqual([A]);
  });

  test.each([
    ["without a resolver", undefined, "primary.example"],
    ["that does not exist", resolve, "nowhere.example"],
  ])("named %s is unknown", async (_, using, host) => {
    await expect(locateServer({ host, port: 53 }, using)).rejects.toMatchObject({ code: "PUBLISH_SERVER_UNKNOWN" });
  });

  test("that cannot be reached is said so; nothing was sent", async () => {
    const server = await startPrimary({ clock });
    await server.close();
    await expect(publisherFor(server).apply(change({ add: [A] }))).rejects.toMatchObject({ code: "DNS_UNREACHABLE" });
  });
});

describe("the zone according to the update server", () => {
  const parents = ["_tcp.mx.example.org", "mx.example.org", "example.org", "org", "."].map(name);
  const soa = soaRecord("example.org", 60, 1, 60);

  async function zoneWith(
    script: (request: FakeRequest, asked: string) => ReturnType<typeof reply>,
  ): Promise<string | null> {
    const server = await startDnsServer((request) => script(request, request.message.question[0]?.name ?? ""));
    running.push(server);
    return findZoneAtServer(name(OWNER), parents, { server, key: KEY, clock, timeoutMs: 500 });
  }

  test("is in the SOA of a negative answer: one question", async () => {
    const server = await startDnsServer((request) => reply(request, { rcode: RCODE.NXDOMAIN, authority: [soa] }));
    running.push(server);
    const options = { server, key: KEY, clock, timeoutMs: 500 };
    expect(await findZoneAtServer(name(OWNER), parents, options)).toBe("example.org.");
    expect(server.requests).toHaveLength(1);
  });

  test("is not the zone of an alias's target", async () => {
    const alias = record(OWNER, TYPE.CNAME, 60, encodeCname(name("x.example.net")));
    const strange = soaRecord("example.net", 60, 1, 60);
    const found = await zoneWith((request, asked) =>
      asked === name(OWNER)
        ? reply(request, { answer: [alias], authority: [strange] })
        : reply(request, { authority: [soa] }),
    );
    expect(found).toBe("example.org.");
  });

  test("is not an unrelated SOA either", async () => {
    expect(
      await zoneWith((request) => reply(request, { authority: [soaRecord("example.net", 60, 1, 60)] })),
    ).toBeNull();
  });

  test("below a delegation is the delegated zone", async () => {
    const ns = record("mx.example.org", TYPE.NS, 60, encodeNs(name("ns.example.net")));
    expect(await zoneWith((request) => reply(request, { aa: false, authority: [ns] }))).toBe("mx.example.org.");
  });

  test("is unknown where every name is refused, or referred to the root", async () => {
    const root = record(".", TYPE.NS, 60, encodeNs(name("a.root-servers.net")));
    expect(await zoneWith((request) => reply(request, { rcode: RCODE.REFUSED }))).toBeNull();
    expect(await zoneWith((request) => reply(request, { aa: false, authority: [root] }))).toBeNull();
  });
});
