import { afterEach, describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { decodeCname, encodeA, encodeAaaa, encodeCname, encodeNs, encodeRrsig } from "../../src/dns/rdata.ts";
import { findRrset } from "../../src/dns/rrset.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { viewOwner } from "../../src/resolver/authoritative.ts";
import type { ViewOptions } from "../../src/resolver/authoritative.ts";
import { mapLimited } from "../../src/resolver/map-limited.ts";
import type { AliasLink, Resolve } from "../../src/resolver/resolver.ts";
import { findZone } from "../../src/resolver/zone-of.ts";
import { name, record, reply, soaRecord, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, FakeRequest, Reaction, Script } from "../fakes/scripted-dns.ts";

const OWNER = "_25._tcp.mx.example.org";
const TEXT = `3 1 1 ${"ab".repeat(32)}`;
const NOW = instant(1_790_000_000_000);
const NOW_SECONDS = 1_790_000_000;

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

function rrsig(owner: string, signer: string, from: number, until: number, algorithm = 13): ResourceRecord {
  const times = { inception: (NOW_SECONDS + from) >>> 0, expiration: (NOW_SECONDS + until) >>> 0 };
  const rest = { typeCovered: TYPE.TLSA, labels: 5, originalTtl: 300, keyTag: 1, signature: new Uint8Array(64) };
  return record(owner, TYPE.RRSIG, 300, encodeRrsig({ ...rest, ...times, algorithm, signer: name(signer) }));
}

/** A resolver over a list of records: follows CNAMEs, everything secure; the names in `broken` cannot be looked up. */
function resolverOf(records: readonly ResourceRecord[], broken: readonly string[] = []): Resolve {
  return (asked, type) => {
    if (broken.includes(`${asked} ${String(type)}`)) {
      return Promise.resolve({
        status: "indeterminate",
        name: asked,
        type,
        reasons: [fault("DNS_TIMEOUT", "127.0.0.1:53 did not answer")],
      });
    }
    const aliases: AliasLink[] = [];
    let finalName = asked;
    for (;;) {
      const found = records.find((one) => one.type === TYPE.CNAME && one.name === finalName);
      const target = found === undefined ? null : decodeCname(found.rdata);
      if (found === undefined || target?.ok !== true || type === TYPE.CNAME) break;
      aliases.push({ alias: finalName, target: target.value, ttl: found.ttl });
      finalName = target.value;
    }
    const rrset = findRrset(records, finalName, type);
    return Promise.resolve({
      status: "secure",
      name: asked,
      type,
      rcode: 0,
      aliases,
      finalName,
      rrset,
      negativeTtl: null,
    });
  };
}

function cname(alias: string, target: string, ttl: number): ResourceRecord {
  return record(alias, TYPE.CNAME, ttl, encodeCname(name(target)));
}

const ns = (zone: string, host: string): ResourceRecord => record(zone, TYPE.NS, 60, encodeNs(name(host)));
const a = (host: string, address: string): ResourceRecord => record(host, TYPE.A, 60, encodeA(address));

const ZONE = [
  soaRecord("example.org", 60, 1, 60),
  ns("example.org", "ns1.example.org"),
  ns("example.org", "ns2.example.org"),
  a("ns1.example.org", "127.0.0.1"),
  a("ns2.example.org", "127.0.0.2"),
];

/** An authoritative server of example.org. */
function serving(records: readonly ResourceRecord[], serial: number): Script {
  return (request: FakeRequest): readonly Reaction[] => {
    const question = request.message.question[0];
    if (question?.type === TYPE.SOA) return reply(request, { answer: [soaRecord("example.org", 60, serial, 30)] });
    const authority = [soaRecord("example.org", 60, serial, 30)];
    return records.length === 0 ? reply(request, { authority }) : reply(request, { answer: records });
  };
}

async function start(script: Script, address: string, port = 0): Promise<FakeDnsServer> {
  const server = await startDnsServer(script, { address, port });
  running.push(server);
  return server;
}

/** ns1 on 127.0.0.1 and ns2 on 127.0.0.2, on the same port. */
async function startPair(
  first: Script,
  second: Script | null,
): Promise<{ nameServerPort: number; first: FakeDnsServer }> {
  const one = await start(first, "127.0.0.1");
  if (second !== null) await start(second, "127.0.0.2", one.port);
  return { nameServerPort: one.port, first: one };
}

function options(more: Partial<ViewOptions> & Pick<ViewOptions, "resolve">): ViewOptions {
  return { clock: () => NOW, timeoutMs: 300, ...more };
}

const SIGNED = [tlsaRecord(OWNER, 300, TEXT), rrsig(OWNER, "example.org", -3600, 86_400)];

describe("a view of all servers", () => {
  test("asks every address directly, without recursion, for RRset and serial", async () => {
    const { nameServerPort, first } = await startPair(serving(SIGNED, 7), serving([], 6));
    const view = await viewOwner(name(OWNER), TYPE.TLSA, options({ resolve: resolverOf(ZONE), nameServerPort }));
    expect(view).toMatchObject({ zone: name("example.org"), finalOwner: name(OWNER), aliases: [] });
    const [one, two] = view.servers;
    expect(view.servers).toHaveLength(2);
    expect(one).toMatchObject({
      server: { name: name("ns1.example.org"), address: "127.0.0.1", port: nameServerPort },
      said: { outcome: "answer", authoritative: true, serial: 7, signed: true, negativeTtl: null, rrset: { ttl: 300 } },
    });
    expect(two?.said).toMatchObject({ outcome: "answer", rrset: null, negativeTtl: 30, serial: 6, signed: null });
    expect(first.requests.map((request) => request.message.rd)).toEqual([false, false]);
    expect(first.requests[0]?.message.edns?.do).toBe(true);
  });

  test("lists a silent server as failed, never leaves it out", async () => {
    const { nameServerPort } = await startPair(serving(SIGNED, 7), () => []);
    const view = await viewOwner(name(OWNER), TYPE.TLSA, options({ resolve: resolverOf(ZONE), nameServerPort }));
    expect(view.servers.map((one) => one.said.outcome)).toEqual(["answer", "failed"]);
    expect(view.servers[1]).toMatchObject({
      server: { address: "127.0.0.2" },
      said: { fault: { code: "DNS_TIMEOUT" } },
    });
  });

  test.each<readonly [string, Script | null, string]>([
    ["refuses", (request) => reply(request, { aa: false, rcode: RCODE.REFUSED }), "DNS_RCODE"],
    ["is not there", null, "DNS_UNREACHABLE"],
    [
      "shows an alias where the others have none",
      (request) => reply(request, { answer: [cname(OWNER, "elsewhere.example", 60)] }),
      "DNS_ALIAS_DIFFERS",
    ],
  ])("lists a server that %s as failed", async (_, script, code) => {
    const { nameServerPort } = await startPair(serving(SIGNED, 7), script);
    const view = await viewOwner(name(OWNER), TYPE.TLSA, options({ resolve: resolverOf(ZONE), nameServerPort }));
    expect(view.servers[1]?.said).toMatchObject({ outcome: "failed", fault: { code } });
  });

  test("lists a name server without an address, or with an unknown one, as failed", async () => {
    const { nameServerPort } = await startPair(serving(SIGNED, 7), serving(SIGNED, 7));
    const records = [...ZONE, ns("example.org", "ns3.example.org")];
    const resolve = resolverOf(records, [`${name("ns2.example.org")} ${String(TYPE.AAAA)}`]);
    const view = await viewOwner(name(OWNER), TYPE.TLSA, options({ resolve, nameServerPort }));
    const seen = view.servers.map(({ server, said }) => `${server.name} ${server.address} ${said.outcome}`);
    expect(seen.sort()).toEqual([
      "ns1.example.org. 127.0.0.1 answer",
      "ns2.example.org.  failed",
      "ns2.example.org. 127.0.0.2 answer",
      "ns3.example.org.  failed",
    ]);
  });

  test("asks IPv6 addresses too", async () => {
    const server = await start(serving(SIGNED, 7), "::1");
    const records = [...ZONE.slice(0, 2), record("ns1.example.org", TYPE.AAAA, 60, encodeAaaa("::1"))];
    const view = await viewOwner(
      name(OWNER),
      TYPE.TLSA,
      options({ resolve: resolverOf(records), nameServerPort: server.port }),
    );
    expect(view.servers).toMatchObject([{ server: { address: "::1" }, said: { outcome: "answer" } }]);
  });

  test("asks exactly the servers of a given list", async () => {
    const server = await start(serving(SIGNED, 7), "127.0.0.3");
    const servers = [{ name: name("hidden.example.org"), address: "127.0.0.3", port: server.port }];
    const view = await viewOwner(name(OWNER), TYPE.TLSA, options({ resolve: resolverOf(ZONE), servers }));
    expect(view.servers).toMatchObject([{ server: servers[0], said: { outcome: "answer", serial: 7 } }]);
  });

  test("reports an answer without authority as such, and goes on without a serial", async () => {
    const { nameServerPort } = await startPair(
      (request) =>
        request.message.question[0]?.type === TYPE.SOA
          ? reply(request, { rcode: RCODE.REFUSED })
          : reply(request, { aa: false, answer: SIGNED }),
      serving(SIGNED, 7),
    );
    const view = await viewOwner(name(OWNER), TYPE.TLSA, options({ resolve: resolverOf(ZONE), nameServerPort }));
    expect(view.servers[0]?.said).toMatchObject({ outcome: "answer", authoritative: false, serial: null });
  });
});

describe("signatures", () => {
  test.each<readonly [string, readonly ResourceRecord[], boolean, number | null]>([
    ["none", [], false, null],
    ["one that is valid", [rrsig(OWNER, "example.org", -10, 100)], true, 100],
    ["one that has expired", [rrsig(OWNER, "example.org", -100, -10)], false, -10],
    ["one that is not yet valid", [rrsig(OWNER, "example.org", 10, 100)], false, 100],
    ["one by another zone", [rrsig(OWNER, "org", -10, 100)], false, null],
    [
      "an expired and a valid one",
      [rrsig(OWNER, "example.org", -90, -5), rrsig(OWNER, "example.org", -10, 50)],
      true,
      50,
    ],
    [
      "the latest of each algorithm, the earliest of these",
      [
        rrsig(OWNER, "example.org", -10, 500, 8),
        rrsig(OWNER, "example.org", -10, 50, 13),
        rrsig(OWNER, "example.org", -10, 90, 13),
      ],
      true,
      90,
    ],
  ])("%s", async (_, signatures, signed, expires) => {
    const { nameServerPort } = await startPair(serving([tlsaRecord(OWNER, 300, TEXT), ...signatures], 7), null);
    const view = await viewOwner(name(OWNER), TYPE.TLSA, options({ resolve: resolverOf(ZONE), nameServerPort }));
    const signatureExpires = expires === null ? null : instant(NOW + expires * 1000);
    expect(view.servers[0]?.said).toMatchObject({ signed, signatureExpires });
  });

  test("times are serial numbers: valid over the end of the 32 bits", async () => {
    const later = instant((2 ** 32 + 5) * 1000);
    const times = { inception: 2 ** 32 - 100, expiration: 50 };
    const rest = { typeCovered: TYPE.TLSA, labels: 5, originalTtl: 300, keyTag: 1, signature: new Uint8Array(64) };
    const rdata = encodeRrsig({ ...rest, ...times, algorithm: 13, signer: name("example.org") });
    const records = [tlsaRecord(OWNER, 300, TEXT), record(OWNER, TYPE.RRSIG, 300, rdata)];
    const { nameServerPort } = await startPair(serving(records, 7), null);
    const view = await viewOwner(
      name(OWNER),
      TYPE.TLSA,
      options({ resolve: resolverOf(ZONE), nameServerPort, clock: () => later }),
    );
    expect(view.servers[0]?.said).toMatchObject({ signed: true, signatureExpires: instant((2 ** 32 + 50) * 1000) });
  });
});

describe("aliases", () => {
  const ALIAS = "_25._tcp.www.example.com";
  const OTHER = [
    soaRecord("example.com", 60, 1, 60),
    ns("example.com", "ns.example.com"),
    a("ns.example.com", "127.0.0.4"),
  ];

  /** Serves the alias's zone, with a CNAME to `target`. */
  const aliasServer = (target: string, ttl: number): Script => {
    const link = cname(ALIAS, target, ttl);
    return (request) => reply(request, { answer: [link] });
  };

  async function look(script: Script | null): Promise<Awaited<ReturnType<typeof viewOwner>>> {
    const { nameServerPort } = await startPair(serving(SIGNED, 7), serving(SIGNED, 7));
    if (script !== null) await start(script, "127.0.0.4", nameServerPort);
    const resolve = resolverOf([...ZONE, ...OTHER, cname(ALIAS, OWNER, 5)]);
    return viewOwner(name(ALIAS), TYPE.TLSA, options({ resolve, nameServerPort }));
  }

  test("lead to the zone of the target; each link has the largest TTL that its own zone serves", async () => {
    const view = await look(aliasServer(OWNER, 900));
    expect(view).toMatchObject({
      owner: name(ALIAS),
      finalOwner: name(OWNER),
      zone: name("example.org"),
      aliases: [{ alias: name(ALIAS), target: name(OWNER), ttl: seconds(900) }],
    });
    expect(view.servers.map((one) => one.said.outcome)).toEqual(["answer", "answer"]);
  });

  test.each<readonly [string, Script | null, string]>([
    ["is silent", () => [], "DNS_TIMEOUT"],
    ["is not there", null, "DNS_UNREACHABLE"],
    ["leads elsewhere", aliasServer("old.example.net", 60), "DNS_ALIAS_DIFFERS"],
    ["has no alias", (request) => reply(request, {}), "DNS_ALIAS_DIFFERS"],
  ])("make a server of the link's zone that %s a failed view", async (_, script, code) => {
    const view = await look(script);
    expect(view.aliases[0]?.ttl).toBe(5);
    expect(view.servers).toHaveLength(3);
    expect(view.servers[2]).toMatchObject({
      server: { address: "127.0.0.4" },
      said: { outcome: "failed", fault: { code } },
    });
  });
});

describe("the zone of a name", () => {
  const records = [
    soaRecord("example.org", 60, 1, 60),
    soaRecord("target.example", 60, 1, 60),
    cname("_25._tcp.mx.example.org", "target.example", 60),
  ];

  test("is the closest ancestor with an SOA of its own; the SOA behind a CNAME is a stranger's", async () => {
    expect(await findZone(name(OWNER), resolverOf(records))).toBe(name("example.org"));
    expect(await findZone(name("target.example"), resolverOf(records))).toBe(name("target.example"));
  });

  test.each<readonly [string, readonly ResourceRecord[], readonly string[]]>([
    ["no SOA exists up to the root", [], []],
    ["the resolver cannot say", ZONE, [`${name("mx.example.org")} ${String(TYPE.SOA)}`]],
    ["the zone has no NS", ZONE.slice(0, 1), []],
    ["the owner itself cannot be looked up", ZONE, [`${name(OWNER)} ${String(TYPE.TLSA)}`]],
  ])("is unknown when %s", async (_, known, broken) => {
    const view = viewOwner(name(OWNER), TYPE.TLSA, options({ resolve: resolverOf(known, broken), nameServerPort: 1 }));
    await expect(view).rejects.toMatchObject({ code: "ZONE_UNKNOWN" });
  });
});

describe("bounded work", () => {
  test("has no more than the limit under way and keeps the order", async () => {
    let active = 0;
    let most = 0;
    const results = await mapLimited(
      Array.from({ length: 40 }, (_, at) => at),
      async (item) => {
        active++;
        most = Math.max(most, active);
        await new Promise((resolve) => setImmediate(resolve));
        active--;
        return item * 2;
      },
      5,
    );
    expect(most).toBe(5);
    expect(results).toEqual(Array.from({ length: 40 }, (_, at) => at * 2));
  });
});
