/** `daneward resolve` as typed, against a signed tree on loopback, and against resolvers that do it wrong. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { runProgram } from "../../src/cli/program.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { ROOT } from "../../src/dns/name.ts";
import { encodeCname, encodeDs, encodeTlsa, formatRdata, parseTlsa } from "../../src/dns/rdata.ts";
import { startDnsTree } from "../../src/sandbox/dns-tree.ts";
import type { DnsTree } from "../../src/sandbox/dns-tree.ts";
import { nameOf, record as sandboxRecord } from "../../src/sandbox/records.ts";
import { startResolver } from "../../src/sandbox/resolver.ts";
import type { SandboxResolver } from "../../src/sandbox/resolver.ts";
import { startWorldServer } from "../dnssec/world-server.ts";
import { buildWorld, NOW as WORLD_TIME } from "../dnssec/zone-builder.ts";
import { a, fakeResolver } from "../fakes/resolver.ts";
import { startFakeDnsServer } from "../fakes/dns-server.ts";
import { record, reply, startDnsServer } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, Script } from "../fakes/scripted-dns.ts";
import { query } from "../../src/transport/dns-exchange.ts";
import { recordingIo } from "./recording-io.ts";

const NOW = instant(Date.parse("2026-11-22T12:00:00Z"));
const TTL = seconds(60);
const OWNER = "_25._tcp.mx.example.test";
const DATA = `3 1 1 ${"ab".repeat(32)}`;

let folder: string;
let tree: DnsTree;
let resolver: SandboxResolver;

function tlsaRdata(): Uint8Array {
  const parsed = parseTlsa(DATA);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return encodeTlsa(parsed.value);
}

beforeAll(async () => {
  const clock = (): typeof NOW => NOW;
  tree = await startDnsTree({
    clock,
    ttl: TTL,
    hosts: { "mx.example.test": "192.0.2.1", "xn--bcher-kva.example.test": "192.0.2.2" },
    records: [
      sandboxRecord(nameOf(OWNER), TYPE.TLSA, TTL, tlsaRdata()),
      sandboxRecord(nameOf("_465._tcp.mx.example.test"), TYPE.CNAME, TTL, encodeCname(nameOf(OWNER))),
    ],
    writable: () => false,
  });
  const authorities = [tree.primary, tree.secondary];
  resolver = await startResolver({ address: "127.0.0.1", port: 0, authorities, anchor: tree.anchor, clock });
  folder = await mkdtemp(path.join(tmpdir(), "daneward-resolve-"));
  await writeFile(path.join(folder, "root.conf"), tree.anchorText);
  await writeFile(path.join(folder, "nonsense"), "hello");
  const [tag, algorithm, type] = formatRdata(TYPE.DS, tree.anchor).split(" ");
  const other = [tag, algorithm, type, "00".repeat(32)].join(" ");
  await writeFile(path.join(folder, "other.key"), `. IN DS ${other}\n`);
});

afterAll(async () => {
  await resolver.close();
  await tree.close();
  await rm(folder, { recursive: true });
});

interface Ended {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function daneward(...argv: readonly string[]): Promise<Ended> {
  const io = recordingIo({ cwd: folder, clock: () => NOW });
  const exit = await runProgram(["resolve", ...argv], io, "0.0.0");
  return { exit, ...io.said() };
}

/** Against the tree, with its root as the anchor. */
function look(...argv: readonly string[]): Promise<Ended> {
  return daneward(...argv, "--resolver", `127.0.0.1:${String(resolver.port)}`, "--trust-anchor", "root.conf");
}

async function against(script: Script, ...argv: readonly string[]): Promise<Ended> {
  const server = await startDnsServer(script);
  try {
    return await daneward(...argv, "--resolver", `127.0.0.1:${String(server.port)}`, "--timeout", "2s");
  } finally {
    await server.close();
  }
}

describe("a signed tree", () => {
  test("the TLSA records of a port, validated link by link: 0", async () => {
    const { exit, out, err } = await look(OWNER);
    expect(err).toBe("");
    expect(exit).toBe(0);
    const lines = out.split("\n");
    expect(lines[0]).toBe(`${OWNER} TLSA  secure`);
    expect(lines.slice(1, 7).map((line) => line.trim().split(/ +/).slice(0, 3).join(" "))).toEqual([
      "ok . DNSKEY",
      "ok . DNSKEY",
      "ok test DS",
      "ok test DNSKEY",
      "ok example.test DS",
      "ok example.test DNSKEY",
    ]);
    expect(out).toMatch(/\n {2}ok {2}_25\._tcp\.mx\.example\.test {2}TLSA {4}signed by example\.test \d+ until 20/);
    expect(out).toContain(`\n\n${OWNER}. 60 IN TLSA ${DATA}\n\n=> secure: ${OWNER} has 1 TLSA record; `);
  });

  test("an alias is a link of its own", async () => {
    const { exit, out } = await look("_465._tcp.mx.example.test");
    expect(exit).toBe(0);
    expect(out).toMatch(/ok {2}_465\._tcp\.mx\.example\.test {2}CNAME {3}-> _25\._tcp\.mx\.example\.test; signed by /);
    expect(out).toContain(`\n_465._tcp.mx.example.test. 60 IN CNAME ${OWNER}.\n${OWNER}. 60 IN TLSA`);
  });

  test("what does not exist, proved: 0", async () => {
    const { exit, out } = await look("_26._tcp.mx.example.test.");
    expect(exit).toBe(0);
    expect(out).toContain("=> secure: _26._tcp.mx.example.test does not exist, so clients connect without DANE;");
  });

  test.each([
    [
      "an international name, and A without a type",
      ["bücher.example.test"],
      "xn--bcher-kva.example.test. 60 IN A 192.0.2.2",
    ],
    ["a type by its number", [OWNER, "type52"], `${OWNER}. 60 IN TLSA ${DATA}`],
    ["a type in lower case, a final dot", ["mx.example.test.", "a"], "mx.example.test. 60 IN A 192.0.2.1"],
    ["the root", [".", "ns"], ". 3600 IN NS ns1.example.test."],
  ])("%s", async (_, argv, line) => {
    const { exit, out, err } = await look(...argv);
    expect(err).toBe("");
    expect(exit).toBe(0);
    expect(out).toContain(`\n${line}\n`);
  });

  test("as JSON", async () => {
    const { exit, out } = await look(OWNER, "--json");
    expect(exit).toBe(0);
    const document: unknown = JSON.parse(out);
    expect(document).toMatchObject({
      schema: "daneward/resolve/1",
      at: "2026-11-22T12:00:00Z",
      status: "secure",
      records: [{ name: `${OWNER}.`, type: "TLSA", ttl: 60, data: DATA }],
      denial: false,
    });
    expect(document).toHaveProperty("chain.6.kind", "answer");
  });

  test("quiet: nothing but the exit code when all is well", async () => {
    expect(await look(OWNER, "-q")).toEqual({ exit: 0, out: "", err: "" });
  });

  test("judged in ten years, the signatures are over: 2, and since when", async () => {
    const { out: said } = await look("example.test", "DS", "--json");
    const ds = /"data":"(\d+ 13 2 [0-9a-f]{64})"/.exec(said)?.[1] ?? "";
    await writeFile(path.join(folder, "zone.key"), `example.test. IN DS ${ds}\n`);
    const argv = [OWNER, "--resolver", `127.0.0.1:${String(resolver.port)}`, "--trust-anchor", "zone.key"];
    expect((await daneward(...argv)).exit).toBe(0);
    const { exit, out } = await daneward(...argv, "--at", "2036-11-22");
    expect(exit).toBe(2);
    expect(out).toMatch(/\n {2}BROKEN {2}example\.test {2,}DNSKEY .*\n {6}.* expired at 20.*\n {6}hint: /);
    expect(out).toContain("code: DNSSEC_SIGNATURE_EXPIRED, EDE 7 (signature expired)");
    expect(out).toMatch(/\n=> at 2036-11-22 00:00:00Z it would be bogus: /);
    expect(out).not.toMatch(/clock|\bago\b|\(in /);
    expect(out).not.toContain(" IN TLSA ");
  });

  test("judged when the root's own signatures are over, nothing is known of that time: 3", async () => {
    const { exit, out } = await look(OWNER, "--at", "2036-11-22");
    expect(exit).toBe(3);
    expect(out).toMatch(
      /\n {2}UNKNOWN {2}\. {2,}DNSKEY .*\n {6}.* expired .*\n {6}hint: signatures as they are served now /,
    );
    expect(out).toContain("\n=> at 2036-11-22 00:00:00Z it would be indeterminate: what is served now");
    expect(out).not.toMatch(/clock|\bago\b|\(in /);
  });

  test("another anchor: 2, what was expected and what was found, and one line when quiet", async () => {
    const argv = [OWNER, "--resolver", `127.0.0.1:${String(resolver.port)}`, "--trust-anchor", "other.key"];
    const { exit, out } = await daneward(...argv);
    expect(exit).toBe(2);
    expect(out).toMatch(
      /\n {2}BROKEN {2}\. .*\n {6}.*expected .* (?:found|has) .*\n {6}hint: .*\n {6}code: DNSSEC_KEY_MISSING, EDE 9/,
    );
    const quiet = await daneward(...argv, "-q");
    expect(quiet.exit).toBe(2);
    expect(quiet.out).toMatch(/^_25\._tcp\.mx\.example\.test TLSA: bogus: .*\n$/);
  });

  test("a resolver that is not there is passed over when there is another", async () => {
    const argv = ["--resolver", "127.0.0.1:1", "--resolver", `127.0.0.1:${String(resolver.port)}`];
    const { exit } = await daneward(OWNER, ...argv, "--trust-anchor", "root.conf");
    expect(exit).toBe(0);
  });

  test("with trust in the resolver's AD bit there is no ladder, and it says whose word it is", async () => {
    const { exit, out } = await daneward(OWNER, "--trust", "ad", "--resolver", `127.0.0.1:${String(resolver.port)}`);
    expect(exit).toBe(0);
    expect(out).toMatch(/=> secure, says 127\.0\.0\.1:\d+ \(AD bit\): /);
  });
});

describe("a configuration that is named", () => {
  test("supplies resolvers and trust anchors; flags come first", async () => {
    const text = `version = 1\nresolver = ["127.0.0.1:1", "127.0.0.1:${String(resolver.port)}"]\n[dnssec]\n`;
    await writeFile(path.join(folder, "named.toml"), `${text}trust_anchors = "root.conf"\n`);
    expect((await daneward(OWNER, "--config", "named.toml")).exit).toBe(0);
    expect((await daneward(OWNER, "--config", "named.toml", "--trust-anchor", "other.key")).exit).toBe(2);
  });

  test("supplies the trust in an AD bit, for which its trust anchors mean nothing", async () => {
    const text = `version = 1\nresolver = "127.0.0.1:${String(resolver.port)}"\n[dnssec]\ntrust = "ad"\n`;
    await writeFile(path.join(folder, "ad.toml"), text);
    const { exit, out } = await daneward(OWNER, "--config", "ad.toml");
    expect(exit).toBe(0);
    expect(out).toContain("(AD bit)");
    const local = await daneward(OWNER, "--config", "ad.toml", "--trust", "local", "--trust-anchor", "root.conf");
    expect(local.exit).toBe(0);
    expect(local.out).not.toContain("(AD bit)");
  });

  test("vouches for the way to its own resolvers alone", async () => {
    const text = `version = 1\nresolver = "192.0.2.1"\n[dnssec]\ntrust = "ad"\nallow_remote_ad = true\n`;
    await writeFile(path.join(folder, "remote.toml"), text);
    const { exit, err } = await daneward(OWNER, "--config", "remote.toml", "--resolver", "192.0.2.2");
    expect(exit).toBe(3);
    expect(err).toContain("192.0.2.2:53 is not on this host");
  });
});

test("a reverse zone of less than an octet has a slash in its name", async () => {
  const { err, out } = await look("0/25.2.0.192.in-addr.arpa", "NS");
  expect(err).toBe("");
  expect(out).toContain("0\\04725.2.0.192.in-addr.arpa does not exist");
});

describe("resolvers that do it wrong", () => {
  test("one that is not there: 3, with what was asked, whom, and how to name another", async () => {
    const { exit, out } = await daneward(OWNER, "--resolver", "127.0.0.1:1", "--timeout", "2s");
    expect(exit).toBe(3);
    expect(out).toMatch(/127\.0\.0\.1:1 over UDP/);
    expect(out).toContain("hint: asked 127.0.0.1:1; name another resolver with --resolver IP[:PORT]\n");
    expect(out).toMatch(/=> indeterminate: /);
  });

  test("one that answers SERVFAIL: 3", async () => {
    const { exit, out } = await against((request) => reply(request, { ra: true, rcode: RCODE.SERVFAIL }), OWNER);
    expect(exit).toBe(3);
    expect(out).toContain("SERVFAIL");
  });

  test("one that strips signatures and claims AD: 3, named as what it is, and no data", async () => {
    const server = { address: resolver.address, port: resolver.port };
    const ask = { server, name: nameOf("."), type: TYPE.DNSKEY, rd: true, timeoutMs: 2000 };
    const { answer: keys } = await query(ask);
    const script: Script = (request) => {
      const type = request.message.question[0]?.type;
      const answer = type === TYPE.DNSKEY ? keys : type === TYPE.TLSA ? [record(OWNER, type, 60, tlsaRdata())] : [];
      return reply(request, { ra: true, ad: true, answer: answer.filter((each) => each.type !== TYPE.RRSIG) });
    };
    const { exit, out } = await against(script, OWNER, "--trust-anchor", "root.conf");
    expect(exit).toBe(3);
    expect(out).toContain("code: DNSSEC_RESOLVER_STRIPS, EDE 5 (DNSSEC indeterminate)");
    expect(out).toMatch(/\n {6}hint: asked 127\.0\.0\.1:\d+; name another resolver/);
    expect(out).not.toContain(" IN TLSA ");
  });

  test("one that does not set AD, trusted for it: 1", async () => {
    const { resolve } = fakeResolver({ "mx.example.org A": a("insecure", "192.0.2.1") });
    const dns = await startFakeDnsServer(resolve);
    try {
      const argv = ["mx.example.org", "--trust", "ad", "--resolver", `127.0.0.1:${String(dns.port)}`];
      const { exit, out } = await daneward(...argv);
      expect(exit).toBe(1);
      expect(out).toContain("did not set the AD bit");
      expect((await daneward(...argv, "-q")).out).toMatch(/^mx\.example\.org A: insecure: .*\n$/);
    } finally {
      await dns.close();
    }
  });
});

describe("an unsigned zone below a signed one", () => {
  const world = buildWorld([
    { name: "." },
    { name: "test.", records: ["mail CNAME mx.plain.test."] },
    {
      name: "plain.test.",
      keys: [],
      records: ["mx A 192.0.2.7", `_25._tcp.mx TLSA ${DATA}`],
    },
  ]);
  const then = new Date(WORLD_TIME).toISOString();
  let server: FakeDnsServer;
  beforeAll(async () => {
    server = await startWorldServer(world);
    const [ds] = world.anchors.get(ROOT)?.ds ?? [];
    if (ds === undefined) throw new Error("the world has no anchor");
    await writeFile(path.join(folder, "world.key"), `. IN DS ${formatRdata(TYPE.DS, encodeDs(ds))}\n`);
  });
  afterAll(() => server.close());

  function ask(...argv: readonly string[]): Promise<Ended> {
    const whom = ["--resolver", `127.0.0.1:${String(server.port)}`, "--trust-anchor", "world.key"];
    return daneward(...argv, ...whom, "--at", then);
  }

  test("its TLSA records: 1, and where the chain of trust ends", async () => {
    const { exit, out, err } = await ask("_25._tcp.mx.plain.test");
    expect(err).toBe("");
    expect(exit).toBe(1);
    expect(out).toMatch(/^_25\._tcp\.mx\.plain\.test TLSA {2}insecure at \S+ \S+Z\n/);
    expect(out).toContain("delegates plain.test without a DS record");
    expect(out).toContain(`_25._tcp.mx.plain.test. 300 IN TLSA ${DATA}\n`);
    expect(out).toMatch(/\n=> at \S+ \S+Z it would be insecure: /);
  });

  test.each([
    { name: "a signed alias that leads there", question: ["mail.test"] },
    { name: "what does not exist in it", question: ["nobody.plain.test"] },
  ])("$name: 1, and one line when quiet", async ({ question }) => {
    const { exit, out } = await ask(...question, "-q");
    expect(exit).toBe(1);
    expect(out).toMatch(/^\S+ A: insecure at \S+ \S+Z: .*\n$/);
  });

  test("as JSON: 1, with the code and the link that ends it", async () => {
    const { exit, out } = await ask("mx.plain.test", "--json");
    expect(exit).toBe(1);
    const document: unknown = JSON.parse(out);
    expect(document).toMatchObject({ status: "insecure", at: then.replace(".000", "") });
    expect(document).toMatchObject({ reasons: [{ code: "DNSSEC_UNSIGNED_DELEGATION", zone: "plain.test." }] });
    expect(document).toHaveProperty("chain.4.kind", "insecure");
  });

  test("that it is unsigned is itself proved: 0", async () => {
    const { exit, out } = await ask("plain.test", "DS");
    expect(exit).toBe(0);
    expect(out).toMatch(/\n=> at \S+ \S+Z it would be secure: /);
  });
});

describe("what it refuses, with 3", () => {
  test.each<readonly [string, readonly string[], RegExp]>([
    ["an address", ["192.0.2.1"], /is an address, not a name\nhint: .*resolve 1\.2\.0\.192\.in-addr\.arpa PTR\n/],
    ["an IPv6 address", ["2001:db8::1"], /is an address.*\nhint: .*ip6\.arpa PTR\n/],
    ["a service", ["mx.example.org:25"], /is a service.*\nhint: .*resolve _25\._tcp\.mx\.example\.org\n/],
    ["a web address", ["https://mx.example.org/"], /is a service.*\nhint: .*resolve _443\._tcp\.mx\.example\.org\n/],
    ["a service and its protocol", ["mx.example.org:2525/smtp"], /\nhint: .*resolve _2525\._tcp\.mx\.example\.org\n/],
    ["a mail domain", ["mx:example.org"], /is a mail domain.*\nhint: .*resolve example\.org MX\n/],
    ["a service by SRV", ["srv:_imaps._tcp.example.org"], /\nhint: .*resolve _imaps\._tcp\.example\.org SRV\n/],
    ["a path", ["mx.example.org/smtp"], /is not a name\nhint: ask for a name alone: .*resolve mx\.example\.org\n/],
    ["an unknown scheme", ["gopher://mx.example.org"], /is not a name\nhint: .*resolve mx\.example\.org\n/],
    ["a port that is none", ["mx.example.org:99999"], /is not a name\nhint: .*resolve mx\.example\.org\n/],
    ["a colon alone", [":"], /is not a name\nhint: /],
    ["a configuration that is missing", ["example.org", "--config", "none.toml"], /no configuration file .*none\.toml/],
    ["a name with an empty label", ["a..b"], /empty label/],
    [
      "type and name the wrong way round",
      ["MX", "example.org"],
      /hint: the name comes first: .*resolve example\.org MX/,
    ],
    ["a type that is none", ["example.org", "TSLA"], /"TSLA" is not a record type/],
    ["a question type", ["example.org", "ANY"], /ANY is no data of a zone/],
    ["signatures as such", ["example.org", "RRSIG"], /RRSIG records carry no signatures of their own/],
    ["a resolver by its name", ["example.org", "--resolver", "dns.example"], /--resolver: .*\nhint: /],
    ["an unknown way to trust", ["example.org", "--trust", "me"], /--trust: "me" is not known\nhint: use local or ad/],
    [
      "a time for a resolver's AD bit",
      ["example.org", "--trust", "ad", "--at", "@1"],
      /--at makes sense only with --trust local\nhint: .*its own clock/,
    ],
    [
      "anchors for it",
      ["example.org", "--trust", "ad", "--trust-anchor", "x"],
      /--trust-anchor makes sense only with --trust local\nhint: .*its own anchors/,
    ],
    ["an AD bit from afar", ["example.org", "--trust", "ad", "--resolver", "192.0.2.1"], /is not on this host/],
    ["an AD bit over TLS", ["example.org", "--trust", "ad", "--resolver", "tls://127.0.0.1"], /trust "ad"/],
    ["an anchor file that is missing", ["example.org", "--trust-anchor", "none"], /none is missing/],
    [
      "an anchor file that is none",
      ["example.org", "--trust-anchor", "nonsense"],
      /nonsense.*\nhint: write DS or DNSKEY/,
    ],
    ["a time that is none", ["example.org", "--at", "soon"], /--at: "soon" is not a time/],
    ["no time at all", ["example.org", "--timeout", "0s"], /--timeout: write 1s to 1h/],
  ])("%s", async (_, argv, message) => {
    const { exit, out, err } = await daneward(...argv);
    expect(exit).toBe(3);
    expect(out).toBe("");
    expect(err).toMatch(/^daneward: error: /);
    expect(err).toMatch(message);
  });
});
