import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { decodeSections } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { ROOT } from "../../src/dns/name.ts";
import { encodeCname, encodeDs } from "../../src/dns/rdata.ts";
import type { DnsTree } from "../../src/sandbox/dns-tree.ts";
import { listenDns } from "../../src/sandbox/listener.ts";
import type { DnsListener } from "../../src/sandbox/listener.ts";
import { nameOf, record } from "../../src/sandbox/records.ts";
import { startResolver } from "../../src/sandbox/resolver.ts";
import type { SandboxResolver } from "../../src/sandbox/resolver.ts";
import { exchangeMessage, query } from "../../src/transport/dns-exchange.ts";
import { startWorldServer } from "../dnssec/world-server.ts";
import { buildWorld, NOW } from "../dnssec/zone-builder.ts";
import type { FakeDnsServer } from "../fakes/scripted-dns.ts";
import { ask, movableClock, OWNER, resolverFor, startTree, tlsa, tlsaOctets } from "./world.ts";

const time = movableClock();
let tree: DnsTree;
let resolver: SandboxResolver;

beforeAll(async () => {
  tree = await startTree(time.clock, 60);
  resolver = await resolverFor(tree, time.clock);
});
afterAll(async () => {
  await resolver.close();
  await tree.close();
});
afterEach(() => {
  resolver.flush();
  tree.setLag(seconds(0));
});

function put(...octets: readonly number[]): void {
  tree.replace(
    OWNER,
    TYPE.TLSA,
    octets.map((octet) => record(OWNER, TYPE.TLSA, seconds(60), tlsa(octet))),
  );
}

describe("validation", () => {
  test.each([
    { name: "an RRset", question: ["mx.example.test", TYPE.A], rcode: RCODE.NOERROR },
    { name: "a type that does not exist", question: ["mx.example.test", TYPE.TXT], rcode: RCODE.NOERROR },
    { name: "a name that does not exist", question: ["nobody.example.test", TYPE.A], rcode: RCODE.NXDOMAIN },
    {
      name: "a name below one that does not exist",
      question: ["a.b.nobody.example.test", TYPE.A],
      rcode: RCODE.NXDOMAIN,
    },
    { name: "an empty non-terminal", question: ["_tcp.mx.example.test", TYPE.A], rcode: RCODE.NOERROR },
    { name: "a top-level domain that does not exist", question: ["com", TYPE.A], rcode: RCODE.NXDOMAIN },
    { name: "a DS", question: ["example.test", TYPE.DS], rcode: RCODE.NOERROR },
    { name: "no DS below the zone", question: ["mx.example.test", TYPE.DS], rcode: RCODE.NOERROR },
    { name: "the keys of the root", question: [".", TYPE.DNSKEY], rcode: RCODE.NOERROR },
  ] as const)("$name is secure", async ({ question, rcode }) => {
    put(1);
    const reply = await ask(resolver, question[0], question[1]);
    expect(reply.rcode).toBe(rcode);
    expect(reply.ad).toBe(true);
    expect(reply.aa).toBe(false);
  });

  test("a CNAME is followed, and its target's absence is proved", async () => {
    tree.replace(nameOf("alias.example.test"), TYPE.CNAME, [
      record(nameOf("alias.example.test"), TYPE.CNAME, seconds(60), encodeCname(nameOf("mx.example.test"))),
    ]);
    const found = await ask(resolver, "alias.example.test", TYPE.A);
    expect(found.ad).toBe(true);
    expect(found.answer.filter((each) => each.type !== TYPE.RRSIG).map((each) => each.type)).toEqual([
      TYPE.CNAME,
      TYPE.A,
    ]);
    const absent = await ask(resolver, "alias.example.test", TYPE.TXT);
    expect(absent.ad).toBe(true);
    expect(absent.answer.filter((each) => each.type === TYPE.TXT)).toEqual([]);
  });
});

describe("a tree with an unsigned zone, and aliases from zone to zone", () => {
  const world = buildWorld([
    { name: "." },
    { name: "test.", ttl: 600, records: ["out CNAME mx.plain.test.", "in CNAME mx.signed.test."] },
    { name: "signed.test.", ttl: 60, records: ["mx A 192.0.2.1"] },
    { name: "plain.test.", keys: [], ttl: 60, records: ["mx A 192.0.2.2"] },
    { name: "broken.test.", ds: [Uint8Array.of(0, 1, 15, 2, ...new Uint8Array(32))], records: ["mx A 192.0.2.3"] },
  ]);
  let authority: FakeDnsServer;
  let worldly: SandboxResolver;
  let now = NOW;
  beforeAll(async () => {
    // A server of several zones follows no alias out of one, as a recursive resolver does.
    authority = await startWorldServer(world, (honest, name) => ({
      ...honest,
      answer: honest.answer.filter((each) => each.name === name),
    }));
    const [ds] = world.anchors.get(ROOT)?.ds ?? [];
    if (ds === undefined) throw new Error("the world has no anchor");
    const anchor = encodeDs(ds);
    const clock = (): typeof now => now;
    worldly = await startResolver({ address: "127.0.0.1", port: 0, authorities: [authority], anchor, clock });
  });
  afterAll(async () => {
    await worldly.close();
    await authority.close();
  });
  beforeEach(() => {
    now = NOW;
    worldly.flush();
  });

  const shown = ({ rcode, ad, answer }: DnsMessage): readonly unknown[] => [
    rcode,
    ad,
    ...answer.filter(({ type }) => type !== TYPE.RRSIG).map(({ name, ttl }) => `${name} ${String(ttl)}`),
  ];

  test.each([
    { name: "data of the unsigned zone come without AD", question: "mx.plain.test", want: ["mx.plain.test. 60"] },
    {
      name: "an alias into it is no better",
      question: "out.test",
      want: ["out.test. 600", "mx.plain.test. 60"],
    },
  ])("$name", async ({ question, want }) => {
    expect(shown(await ask(worldly, question, TYPE.A))).toEqual([RCODE.NOERROR, false, ...want]);
  });

  test("what does not exist in the unsigned zone does not exist, without AD", async () => {
    expect(shown(await ask(worldly, "nobody.plain.test", TYPE.A))).toEqual([RCODE.NXDOMAIN, false]);
  });

  test("the unsigned zone has no DS, with AD, because its parent says so", async () => {
    expect(shown(await ask(worldly, "plain.test", TYPE.DS))).toEqual([RCODE.NOERROR, true]);
  });

  test("a DS record that fits no key: SERVFAIL, and the data only with CD", async () => {
    expect(shown(await ask(worldly, "mx.broken.test", TYPE.A))).toEqual([RCODE.SERVFAIL, false]);
    const unchecked = await ask(worldly, "mx.broken.test", TYPE.A, { cd: true });
    expect(shown(unchecked)).toEqual([RCODE.NOERROR, false, "mx.broken.test. 300"]);
  });

  test("each link of an alias is kept for its own TTL", async () => {
    const asked = (): readonly string[] => authority.requests.map(({ message }) => String(message.question[0]?.name));
    expect(shown(await ask(worldly, "in.test", TYPE.A))).toEqual([0, true, "in.test. 600", "mx.signed.test. 60"]);
    now = instant(NOW + 50_000);
    expect(shown(await ask(worldly, "mx.signed.test", TYPE.A))).toEqual([0, true, "mx.signed.test. 10"]);
    now = instant(NOW + 60_000);
    const before = asked().length;
    expect(shown(await ask(worldly, "in.test", TYPE.A))).toEqual([0, true, "in.test. 540", "mx.signed.test. 60"]);
    expect(asked().slice(before)).not.toContain("in.test.");
    expect(asked().slice(before)).toContain("mx.signed.test.");
  });
});

describe("tampering on the way from the authority", () => {
  let middle: DnsListener | null = null;
  let victim: SandboxResolver | null = null;
  afterEach(async () => {
    await victim?.close();
    await middle?.close();
  });

  /** A resolver whose only authority is a forwarder that changes replies to one type of question. */
  async function behind(type: number, change: (reply: Uint8Array) => Uint8Array): Promise<SandboxResolver> {
    middle = await listenDns("127.0.0.1", 0, async (question, transport) => {
      const reply = await exchangeMessage(question, tree.primary, { transport, timeoutMs: 2000 });
      const sections = decodeSections(question);
      return sections.ok && sections.value.question[0]?.type === type ? change(reply) : reply;
    });
    victim = await resolverFor(tree, time.clock, [middle]);
    return victim;
  }
  const flip =
    (section: "answer" | "authority", wanted: number, bit: number) =>
    (reply: Uint8Array): Uint8Array => {
      const sections = decodeSections(reply);
      const found = sections.ok ? sections.value[section].find((each) => each.record.type === wanted) : undefined;
      if (found === undefined) return reply;
      const changed = reply.slice();
      const at = found.end - 1 - Math.floor(bit / 8);
      changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8));
      return changed;
    };

  test.each([
    {
      name: "a bit of the TLSA record",
      question: OWNER,
      type: TYPE.TLSA,
      section: "answer",
      record: TYPE.TLSA,
      bit: 0,
    },
    {
      name: "the last bit of the signature",
      question: OWNER,
      type: TYPE.TLSA,
      section: "answer",
      record: TYPE.RRSIG,
      bit: 0,
    },
    {
      name: "a bit in the middle of the signature",
      question: OWNER,
      type: TYPE.TLSA,
      section: "answer",
      record: TYPE.RRSIG,
      bit: 263,
    },
    {
      name: "a bit of the zone's key",
      question: OWNER,
      type: TYPE.DNSKEY,
      section: "answer",
      record: TYPE.DNSKEY,
      bit: 5,
    },
    { name: "a bit of the DS digest", question: OWNER, type: TYPE.DS, section: "answer", record: TYPE.DS, bit: 9 },
    {
      name: "a bit of an NSEC's type bitmap",
      question: "mx.example.test",
      type: TYPE.TXT,
      section: "authority",
      record: TYPE.NSEC,
      bit: 0,
    },
  ] as const)("$name: SERVFAIL, and the data only with CD", async (each) => {
    put(1);
    const through = await behind(each.type, flip(each.section, each.record, each.bit));
    const asked = each.question === OWNER ? TYPE.TLSA : each.type;
    const reply = await ask(through, each.question, asked);
    expect(reply.rcode).toBe(RCODE.SERVFAIL);
    expect(reply.ad).toBe(false);
    expect(reply.answer).toEqual([]);
    const unchecked = await ask(through, each.question, asked, { cd: true });
    expect(unchecked.rcode).toBe(RCODE.NOERROR);
    expect(unchecked.ad).toBe(false);
  });

  test("the same path without tampering is secure", async () => {
    put(1);
    const through = await behind(TYPE.TLSA, (reply) => reply);
    expect((await ask(through, OWNER, TYPE.TLSA)).ad).toBe(true);
  });

  test("records taken away: SERVFAIL, not NODATA", async () => {
    put(1);
    const through = await behind(TYPE.TLSA, (reply) => {
      // The header, the question and no more; without its OPT record, too.
      const sections = decodeSections(reply);
      const start = sections.ok ? (sections.value.answer[0]?.start ?? reply.length) : reply.length;
      const bare = reply.slice(0, start);
      bare.fill(0, 6, 12);
      return bare;
    });
    expect((await ask(through, OWNER, TYPE.TLSA)).rcode).toBe(RCODE.SERVFAIL);
  });
});

describe("the cache", () => {
  test("keeps an answer for its TTL, counting down, and no longer", async () => {
    put(1);
    const first = await ask(resolver, OWNER, TYPE.TLSA);
    expect(first.answer[0]?.ttl).toBe(60);
    put(2);
    time.advance(59_000);
    const cached = await ask(resolver, OWNER, TYPE.TLSA);
    expect(tlsaOctets(cached)).toEqual([1]);
    expect(cached.answer[0]?.ttl).toBe(1);
    expect(cached.ad).toBe(true);
    time.advance(1_000);
    expect(tlsaOctets(await ask(resolver, OWNER, TYPE.TLSA))).toEqual([2]);
  });

  test("keeps a negative answer for the negative TTL", async () => {
    put();
    expect(tlsaOctets(await ask(resolver, OWNER, TYPE.TLSA))).toEqual([]);
    put(3);
    time.advance(59_000);
    expect(tlsaOctets(await ask(resolver, OWNER, TYPE.TLSA))).toEqual([]);
    time.advance(1_000);
    expect(tlsaOctets(await ask(resolver, OWNER, TYPE.TLSA))).toEqual([3]);
  });

  test("asks all servers of the zone, so a lagging one shows", async () => {
    put(4);
    tree.setLag(seconds(1000));
    time.advance(1);
    put(5);
    const seen = new Set<number>();
    for (let round = 0; round < 200 && seen.size < 2; round++) {
      resolver.flush();
      for (const octet of tlsaOctets(await ask(resolver, OWNER, TYPE.TLSA))) seen.add(octet);
    }
    expect([...seen].sort()).toEqual([4, 5]);
  });

  test("a silent server does not keep it from answering", async () => {
    put(6);
    tree.secondary.setSilent(true);
    for (let round = 0; round < 4; round++) {
      resolver.flush();
      expect((await ask(resolver, "mx.example.test", TYPE.A)).ad).toBe(true);
    }
    tree.secondary.setSilent(false);
  });

  test("with no server left it says SERVFAIL", async () => {
    tree.primary.setSilent(true);
    tree.secondary.setSilent(true);
    const name = nameOf("mx.example.test");
    const reply = await query({ server: resolver, name, type: TYPE.A, rd: true, timeoutMs: 10_000 });
    expect(reply.rcode).toBe(RCODE.SERVFAIL);
    tree.primary.setSilent(false);
    tree.secondary.setSilent(false);
  });
});
